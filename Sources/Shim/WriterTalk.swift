// The pipes between the shim and a log writer.

import Kernel
import Linux
import ShimProtocol

/// The ends of both sides, before the writer is forked.
struct WriterEnds {
    private let asking: (reading: SharedDescriptor, writing: SharedDescriptor)
    private let answering: (reading: SharedDescriptor, writing: SharedDescriptor)?

    /// Only a log in a client's file has answers.
    init(hasAnswers: Bool) throws(SystemCallFailure) {
        asking = try SharedDescriptor.pipe()
        answering = hasAnswers ? try SharedDescriptor.pipe() : nil
        try answering?.reading.descriptor.setNonblocking()
    }

    /// The writer's ends.
    var control: CInt { asking.reading.descriptor.number }
    var answers: CInt? { answering?.writing.descriptor.number }
    var numbers: [CInt] { [control] + (answers.map { [$0] } ?? []) }

    var talk: WriterTalk { WriterTalk(control: asking.writing, answers: answering?.reading) }
}

/// The ends of a log writer's pipes that the shim has.
final class WriterTalk {
    /// Its end asks the writer to finish, and each byte asks it to open the client's file anew.
    private var control: SharedDescriptor?
    /// The answers to that; `nil` if the log is not in a client's file.
    private let answers: SharedDescriptor?
    /// The requests that wait for it, in order. `nil` for a request of an earlier daemon.
    private var waiting: [UInt32?] = []
    private var unread: [UInt8] = []

    init(control: SharedDescriptor, answers: SharedDescriptor?) {
        self.control = control
        self.answers = answers
    }

    /// The descriptor of the answers.
    var number: CInt? { answers?.descriptor.number }

    func finish() { control = nil }

    /// Returns `false` if the writer cannot be asked.
    func ask(_ ids: [UInt32]) -> Bool {
        guard control != nil, answers != nil, waiting.count + ids.count <= WriterTalk.most else {
            return false
        }
        waiting += ids.map { $0 }
        ignoring("the writer has ended, and its end is handled") { () throws(SystemCallFailure) in
            // A pipe has room for so few bytes, so this does not wait.
            for _ in ids { _ = try control?.descriptor.write([1]) }
        }
        return true
    }

    /// The most requests at a time.
    private static let most = 1024

    /// The requests that were answered, each with its answer.
    func hear() -> [(id: UInt32, reply: ShimReply)] {
        do throws(SystemCallFailure) {
            unread += try answers?.descriptor.read(limit: 65536) ?? []
        } catch {}
        var heard: [(id: UInt32, reply: ShimReply)] = []
        while let answer = WriterAnswer.take(from: &unread) {
            let count = min(answer.count, waiting.count)
            for case let id? in waiting[..<count] {
                heard.append((id, LogOpening.reply(answer.record)))
            }
            waiting.removeFirst(count)
        }
        return heard
    }

    /// The requests that the writer has not answered.
    func takeWaiting() -> [UInt32] {
        defer { waiting = [] }
        return waiting.compactMap { $0 }
    }

    func forgetWhoWaits() { waiting = waiting.map { _ in nil } }
}

/// A log writer's answer to requests to open the file anew, as bytes of its pipe.
struct WriterAnswer {
    /// How many requests it answers.
    let count: Int
    let record: [UInt8]

    /// At most 4096 bytes, so that a write to a pipe is atomic (pipe(7)).
    var bytes: [UInt8] {
        let size = record.count
        return [
            UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8),
            UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8),
        ] + record
    }

    /// Removes the first answer; `nil` if there is no whole one.
    static func take(from bytes: inout [UInt8]) -> WriterAnswer? {
        guard bytes.count >= 4 else { return nil }
        let size = Int(bytes[2]) | Int(bytes[3]) << 8
        guard bytes.count >= 4 + size else { return nil }
        let answer = WriterAnswer(
            count: Int(bytes[0]) | Int(bytes[1]) << 8, record: Array(bytes[4..<4 + size]))
        bytes.removeFirst(4 + size)
        return answer
    }
}
