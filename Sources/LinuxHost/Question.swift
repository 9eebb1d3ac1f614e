// A question to a program that we do not trust. The daemon bounds the output while it reads, and
// the program has a deadline. The answer only informs: no teardown waits for it.

import Bytes
import EventLoop
import Host
import Kernel
import Linux

@Loop final class Question {
    enum Answer: Equatable, Sendable {
        /// The output of the program; its exit code was 0.
        case said([UInt8])
        /// The program ended with another code, and said why.
        case failed(String)
        /// The program did not end in time, printed too much, or ended by a signal other than
        /// SIGKILL.
        case unanswered(String)
        /// Another process killed the program, so nothing is known about the program.
        case killed
    }

    private let pid: Int32
    /// `nil` if there was no descriptor for it (EMFILE).
    private let process: Pinned?
    private let output: Drain
    private let errors: Drain
    private var waiter: CheckedContinuation<Answer, Never>?
    /// Whether the process has not been reaped. If a disk holds the process, it outlives the
    /// deadline.
    private(set) var isOpen = true
    /// The exit of the process, once it has been reaped.
    private var exit: ChildExit?

    private static let sigKill: CInt = 9
    private static let errorLimit = 65536

    /// Makes the descriptors before the process, so that a failure (EMFILE) starts nothing. The
    /// program reads `input` from standard input.
    init(
        _ words: [String], path: String, input: [UInt8] = [], atMost limit: Int
    ) throws(SystemCallFailure) {
        let told = try Pipe()
        let said = try Pipe()
        let given = try OwnedDescriptor.standardInput(input)
        pid = try Command(words, path: path).spawn(
            descriptors: [given.number, told.writing.number, said.writing.number])
        process = Pinned(pid)
        output = Drain(told.intoReading(), keeping: limit)
        errors = Drain(said.intoReading(), keeping: Question.errorLimit)
    }

    /// Waits for the answer. Call it once. After the deadline the program is killed, and not waited
    /// for.
    func answer(within milliseconds: Int64) async -> Answer {
        onLoop { await self.followToEnd() }
        // The reference is weak, because the descriptors would otherwise stay open until the
        // deadline.
        Loop.shared.reactor.after(milliseconds: milliseconds) { [weak self] in
            onLoop { self?.passDeadline(milliseconds) }
        }
        output.begin { self.overflow(self.output) }
        errors.begin { self.overflow(self.errors) }
        return await withCheckedContinuation { waiter = $0 }
    }

    /// The place of its process, if the process has not ended: `pid 4121, state D`.
    var place: String { "pid \(pid), state \(ProcFS.state(of: pid) ?? "?")" }

    private func followToEnd() async {
        if let number = process?.descriptor.descriptor.number {
            while isAlive { await ChildEnd.readable(number) }
            // Kills what the program started and left behind. The group's number is not reused
            // before the exit is taken.
            Children.signalGroup(pid, Question.sigKill)
        }
        exit = await ChildEnd.of(pid)
        isOpen = false
        output.end()
        errors.end()
        settle(answer(exit))
    }

    /// The exit code and all output of a program that has ended by itself; `nil` for any other end.
    var ended: (code: Int32, output: [UInt8], errors: [UInt8])? {
        guard let code = exit?.code, !output.isOver else { return nil }
        return (code, output.bytes, errors.bytes)
    }

    private func answer(_ exit: ChildExit?) -> Answer {
        switch (exit?.code, exit?.signal) {
        case (0?, _) where !output.isOver: .said(output.bytes)
        case (0?, _): tooMuch(output)
        case (let code?, _):
            .failed(complaint ?? "exit code \(code)\(said.map { ": \($0)" } ?? "")")
        case (nil, let signal?) where signal != Question.sigKill:
            .unanswered("ended by signal \(signal)")
        case (nil, _): .killed
        }
    }

    /// The printable part of the first line on standard error.
    private var said: String? {
        let line = errors.bytes.prefix { $0 != 0x0a }.prefix(300).filter { $0 >= 0x20 }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// The text that our helper writes after the errno's name, for display.
    private var complaint: String? {
        said?.cut(" ").flatMap { $0.after.after("staunch-shim: ") }
    }

    private func tooMuch(_ drain: Drain) -> Answer {
        .unanswered("prints more than \(drain.limit) bytes")
    }

    private func overflow(_ drain: Drain) {
        settle(tooMuch(drain))
        kill()
    }

    private func passDeadline(_ milliseconds: Int64) {
        guard isOpen, waiter != nil else { return }
        settle(.unanswered("does not answer within \(milliseconds / 1000) s: \(place)"))
        kill()
    }

    /// Kills all that the program started, because it leads a process group of its own.
    private func kill() {
        if isAlive { Children.signalGroup(pid, Question.sigKill) }
    }

    /// Whether the process lives by its pidfd, which never refers to a later process; `false`
    /// without a pidfd.
    private var isAlive: Bool { !(process?.descriptor.hasEnded() ?? true) }

    private func settle(_ answer: Answer) { waiter.take()?.resume(returning: answer) }
}

/// A pidfd as a class, because a look into an optional noncopyable property would consume it.
private final class Pinned: Sendable {
    let descriptor: PidDescriptor

    init?(_ pid: Int32) {
        guard let descriptor = PidDescriptor.opening(pid) else { return nil }
        self.descriptor = descriptor
    }
}

/// Reads a pipe as long as that is useful, and keeps the first bytes.
@Loop private final class Drain {
    private let pipe: OwnedDescriptor
    let limit: Int
    private(set) var bytes: [UInt8] = []
    /// Whether more came than `limit`.
    private(set) var isOver = false
    private var tag: UInt64?
    private var overflowed: () -> Void = {}

    init(_ pipe: consuming OwnedDescriptor, keeping limit: Int) {
        self.pipe = pipe
        self.limit = limit
    }

    /// Begins to read. A pipe that cannot be watched is read at the end; what does not fit into the
    /// pipe is lost.
    func begin(_ overflowed: @escaping () -> Void) {
        self.overflowed = overflowed
        ignoring("it is read at the end") { () throws(SystemCallFailure) in
            try pipe.setNonblocking()
            tag = try Loop.shared.reactor.watch(pipe.number, .readable) { [weak self] _ in
                onLoop { self?.read() }
            }
        }
    }

    /// Takes what is in the pipe, even if another process holds its other end.
    func end() {
        read()
        unwatch()
        overflowed = {}
    }

    /// Reads a bounded part, because a program that prints without end must not block the loop.
    private func read() {
        do throws(SystemCallFailure) {
            for _ in 0..<8 {
                guard let more = try pipe.read(limit: 16384) else { return }
                guard !more.isEmpty else { return unwatch() }
                let room = limit - bytes.count
                bytes += more.prefix(room)
                guard more.count > room, !isOver else { continue }
                isOver = true
                overflowed()
            }
        } catch { unwatch() }
    }

    private func unwatch() {
        guard let tag = tag.take() else { return }
        Loop.shared.reactor.unwatch(pipe.number, tag)
    }
}
