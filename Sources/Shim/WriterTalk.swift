// What a shim and a log writer tell each other, as packets.

import Kernel
import Linux
import ShimProtocol

/// What the shim asks of a log writer. The end of the connection asks it to finish.
enum WriterOrder {
    /// Open the client's file anew, for so many requests.
    case reopen(Int)
    /// Give the task one more client, whose socket comes along.
    case attach(WireStream)
    /// The task's first process has ended, which ends the streams of its clients.
    case ended(TaskExit)

    var packet: [UInt8] {
        switch self {
        case .reopen(let count): [0, UInt8(truncatingIfNeeded: count), UInt8(count >> 8)]
        case .attach(let stream): [1] + stream.packet()
        case .ended(let exit): [2] + exit.fileContent()
        }
    }

    init(_ packet: [UInt8]) throws(WireFault) {
        let rest = Array(packet.dropFirst())
        switch packet.first {
        case 0 where rest.count == 2: self = .reopen(Int(rest[0]) | Int(rest[1]) << 8)
        case 1: self = .attach(try WireStream.parse(rest))
        case 2:
            guard let exit = try TaskExit.parse(fileContent: rest) else {
                throw WireFault("an exit without content")
            }
            self = .ended(exit)
        default: throw WireFault("an order that is not known")
        }
    }
}

/// What a log writer tells the shim.
enum WriterNews {
    /// So many requests to open the file anew are answered, with the record of the opening.
    case reopened(count: Int, record: [UInt8])
    /// The task's input is over, so no end of its pipe may stay open.
    case inputOver

    var packet: [UInt8] {
        switch self {
        case .reopened(let count, let record):
            [0, UInt8(truncatingIfNeeded: count), UInt8(count >> 8)] + record
        case .inputOver: [1]
        }
    }

    init(_ packet: [UInt8]) throws(WireFault) {
        switch packet.first {
        case 0 where packet.count >= 3:
            self = .reopened(
                count: Int(packet[1]) | Int(packet[2]) << 8, record: Array(packet[3...]))
        case 1: self = .inputOver
        default: throw WireFault("news that are not known")
        }
    }
}

/// The shim's end of the connection to a log writer.
final class WriterTalk {
    private let socket: PacketSocket
    private var isFinishing = false
    /// The requests that wait for an opening, in order. `nil` for a request of an earlier daemon.
    private var waiting: [UInt32?] = []

    /// The most requests at a time.
    private static let most = 1024

    init(_ socket: consuming PacketSocket) { self.socket = socket }

    var number: CInt { socket.descriptor.number }

    func finish() {
        isFinishing = true
        socket.descriptor.finishSending()
    }

    /// Returns `false` if the writer cannot be asked. The caller keeps the descriptors.
    func tell(_ order: WriterOrder, passing descriptors: [CInt] = []) -> Bool {
        if isFinishing { return false }
        do throws(SystemCallFailure) {
            try socket.send(order.packet, passing: descriptors)
            return true
        } catch { return false }
    }

    /// Returns `false` if the writer cannot be asked.
    func askToReopen(_ ids: [UInt32]) -> Bool {
        guard waiting.count + ids.count <= WriterTalk.most, tell(.reopen(ids.count)) else {
            return false
        }
        waiting += ids.map { $0 }
        return true
    }

    /// The next news; `nil` if there are none now. Throws at the connection's end.
    func hear() throws(WriterGone) -> WriterNews? {
        do {
            guard let packet = try socket.receive() else { return nil }
            return try WriterNews(packet)
        } catch { throw WriterGone() }
    }

    /// The requests that the writer has answered.
    func answered(_ count: Int) -> [UInt32] {
        let count = min(count, waiting.count)
        defer { waiting.removeFirst(count) }
        return waiting[..<count].compactMap { $0 }
    }

    /// The requests that the writer has not answered.
    func takeWaiting() -> [UInt32] {
        defer { waiting = [] }
        return waiting.compactMap { $0 }
    }

    func forgetWhoWaits() { waiting = waiting.map { _ in nil } }
}

/// The writer has closed its end of the connection.
struct WriterGone: Error {}
