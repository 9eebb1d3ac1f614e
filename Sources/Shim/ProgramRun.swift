// Runs one program, and keeps a bounded part of its output.

import Bytes
import Kernel
import Linux
import ShimProtocol

enum ProgramRun {
    /// The bytes of standard error that are kept.
    private static let errorLimit = 16 << 10

    /// Runs the program to its end, however long that takes. Other processes may keep its output
    /// open: the end of the program is the end (law 22).
    static func end(of program: WireProgram) -> WireProgramEnd {
        let path: String
        do { path = try Files.program(program.name, in: program.directories).path } catch {
            let places = program.directories.joined(separator: ", ")
            let why =
                error.errno == 2
                ? "no program '\(program.name)' in \(places)" : error.description
            return WireProgramEnd(end: .notStarted(why, errno: error.errno))
        }
        do throws(SystemCallFailure) { return try run(program, path) } catch {
            return WireProgramEnd(end: .notStarted(error.description, errno: error.errno))
        }
    }

    private static func run(
        _ program: WireProgram, _ path: String
    ) throws(SystemCallFailure) -> WireProgramEnd {
        let input = try OwnedDescriptor.memory(program.input)
        let epoll = try Epoll()
        let told = try Heard(limit: Int(program.limit), epoll)
        let said = try Heard(limit: errorLimit, epoll)
        let pid = try Command(
            [program.name] + program.arguments, path: path, environment: program.environment
        ).spawn(descriptors: [input.number, told.writing.number, said.writing.number])
        let end = try wait(for: pid, epoll, told, said)
        return WireProgramEnd(
            end: end, output: told.bytes, errors: said.bytes, isCut: told.isCut)
    }

    /// Reads until the process has ended, and then the rest that the pipes hold.
    private static func wait(
        for pid: Int32, _ epoll: borrowing Epoll, _ told: Heard, _ said: Heard
    ) throws(SystemCallFailure) -> WireProgramEnd.End {
        let process = Ending(pid, epoll)
        while true {
            let exit: ChildExit
            switch Children.take(pid) {
            case .exit(let found): exit = found
            case .stranger: return .notStarted("the program's exit is lost", errno: 10)
            case .lives:
                _ = epoll.wait(milliseconds: process == nil ? 20 : -1)
                told.listen()
                said.listen()
                continue
            }
            told.finish()
            said.finish()
            if let signal = exit.signal { return .killed(signal: signal) }
            return .exited(exit.code ?? -1)
        }
    }
}

/// The watched end of a process.
private final class Ending {
    private let process: PidDescriptor

    /// `nil` if it cannot be watched (EMFILE), so that it is looked for.
    init?(_ pid: Int32, _ epoll: borrowing Epoll) {
        guard let process = PidDescriptor.opening(pid) else { return nil }
        self.process = process
        do throws(SystemCallFailure) {
            try epoll.add(self.process.descriptor.number, .readable, tag: 0)
        } catch { return nil }
    }
}

/// The beginning of what a pipe has brought. The rest is read and dropped, so that the program
/// never waits.
private final class Heard {
    private(set) var bytes: [UInt8] = []
    private(set) var isCut = false
    /// It stays open, so that the other end is never reported as hung up.
    let writing: OwnedDescriptor
    private let pipe: OwnedDescriptor
    private let limit: Int
    private static let piece = 65_536

    init(limit: Int, _ epoll: borrowing Epoll) throws(SystemCallFailure) {
        let ends = try Pipe().release()
        pipe = OwnedDescriptor(adopting: ends.reading)
        writing = OwnedDescriptor(adopting: ends.writing)
        self.limit = limit
        try pipe.setNonblocking()
        try epoll.add(pipe.number, .readable, tag: 1)
    }

    /// Reads a piece; `false` if there is none now.
    @discardableResult
    func listen() -> Bool {
        var more: [UInt8] = []
        ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
            more = try pipe.read(limit: Heard.piece) ?? []
        }
        let kept = more[..<min(more.count, limit - bytes.count)]
        bytes += kept
        if kept.count < more.count { isCut = true }
        return !more.isEmpty
    }

    /// Reads at most what a pipe holds, because other processes may keep writing.
    func finish() { for _ in 0..<16 where !listen() { break } }
}
