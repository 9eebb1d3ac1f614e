// One client of an exec: its connection, and what it has not taken.

import Kernel
import Linux
import ShimProtocol

final class StreamClient {
    /// The most bytes of one read.
    static let piece = 64 << 10
    /// Bytes that wait for the client; with more, its pings are not answered.
    private static let mostForPong = 128 << 10

    private let socket: OwnedDescriptor
    let framing: StreamFraming
    private var reader: StreamReader
    /// Bytes that came before the socket did.
    private var early: [UInt8]
    /// Output that the client has not taken.
    private var unsent: [UInt8] = []
    /// It has finished sending, but may still read.
    private var hasFinished = false
    /// It has hung up, or has sent something that the exec does not take.
    private(set) var isGone = false
    /// The interest that the epoll has in it.
    private(set) var interest = Epoll.Interest.readable

    /// Adopts the descriptor.
    init(_ socket: consuming OwnedDescriptor, _ stream: WireStream) throws(SystemCallFailure) {
        try socket.setNonblocking()
        self.socket = socket
        framing = stream.framing
        reader = StreamReader(stream.framing)
        early = stream.early
    }

    var number: CInt { socket.number }
    var unsentCount: Int { unsent.count }
    var hasUnsent: Bool { !unsent.isEmpty && !isGone }
    var isSending: Bool { !isGone && !hasFinished }

    func send(_ bytes: ArraySlice<UInt8>) {
        if isGone { return }
        guard unsent.isEmpty else { return unsent += bytes }
        do throws(SystemCallFailure) {
            let count = try socket.write(bytes)
            if count < bytes.count { unsent = Array(bytes[(bytes.startIndex + count)...]) }
        } catch { isGone = true }
    }

    func flush() {
        do throws(SystemCallFailure) { unsent.removeFirst(try socket.write(unsent[...])) } catch {
            isGone = true
        }
    }

    func hangUp() { isGone = true }

    /// Calls `read` for what it sent before it hung up. A socket holds only so much.
    func readLast(_ read: () -> Void) {
        for _ in 0..<64 where !isGone { read() }
        hangUp()
    }

    /// The epoll's new interest, for the things that can go on; `nil` if it stays. A client that is
    /// not heard is only seen to hang up.
    func nextInterest(isHeard: Bool) -> Epoll.Interest? {
        var next = Epoll.Interest.none
        if isHeard && isSending { next = next | .readable }
        if hasUnsent { next = next | .writable }
        if next.bits == interest.bits { return nil }
        interest = next
        return next
    }

    /// Calls `body` with what has come. A fault of `body` or of the client's is told to the client,
    /// which is gone after that. A client that has hung up has not ended the input.
    func receive(
        isHungUp: Bool = false, _ body: (StreamInput) throws(StreamFault) -> Void
    ) {
        if isGone { return }
        var bytes = early
        early = []
        do throws(SystemCallFailure) {
            if bytes.isEmpty {
                guard let read = try socket.read(limit: StreamClient.piece) else { return }
                bytes = read
            }
        } catch { return hangUp() }
        do throws(StreamFault) {
            if bytes.isEmpty {
                if isHungUp { return hangUp() }
                hasFinished = true
                return try body(.end)
            }
            var reader = reader
            defer { self.reader = reader }
            try reader.read(bytes[...]) { (input) throws(StreamFault) in
                switch input {
                case .ping(let payload):
                    if unsent.count < StreamClient.mostForPong {
                        send(WebSocketFrame.pong(payload)[...])
                    }
                case .closed:
                    // The server ends the connection first (RFC 6455, section 7.1.1).
                    send(framing.ending[...])
                    close()
                case .bytes, .end, .size: try body(input)
                }
            }
        } catch { refuse(error) }
    }

    private func refuse(_ fault: StreamFault) {
        switch framing {
        case .frames:
            let status = ExecStatus(of: nil, framing)
            send(status.frames(error: "stream-malformed", detail: fault.detail)[...])
        case .webSocket: send(WebSocketFrame.close(fault.code, fault.detail)[...])
        }
        close()
    }

    /// Ends the connection, also for copies of its descriptor in other processes.
    func close() {
        isGone = true
        // A client that sends on and on would be read for ever.
        socket.stopReceiving()
        // An end with unread bytes would be an error to the client (unix(7), ECONNRESET).
        ignoring("it may have gone already") { () throws(SystemCallFailure) in
            while let more = try socket.read(limit: StreamClient.piece), !more.isEmpty {}
        }
        socket.shutDown()
    }
}
