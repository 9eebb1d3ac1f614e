// Receives the runtime's log, standard output and standard error through a pipe. In a file they
// could fill the run directory, which is in memory.

import Kernel
import Linux
import ShimProtocol

/// The end of the runtime's output, because its last error counts, and the number of bytes dropped
/// before that.
struct RuntimeWords {
    /// Bytes.
    static let kept = 16384

    private(set) var bytes: [UInt8] = []
    private(set) var dropped: UInt64 = 0

    mutating func add(_ more: [UInt8]) {
        bytes += more
        let excess = bytes.count - RuntimeWords.kept
        guard excess > 0 else { return }
        bytes.removeFirst(excess)
        dropped += UInt64(excess)
    }
}

/// The output of one run of the runtime.
final class RuntimeTalk {
    private unowned let shim: Shim
    private let ends: PipeEnds?
    private(set) var heard = RuntimeWords()

    /// If no descriptor is left, the output is lost, and the runtime still works.
    init(_ shim: Shim) {
        self.shim = shim
        var ends: PipeEnds?
        ignoring("not heard") { () throws(SystemCallFailure) in
            let made = try PipeEnds()
            try made.reading.setNonblocking()
            let tag = Watched.talk(made.reading.number).tag
            try shim.epoll.add(made.reading.number, .readable, tag: tag)
            ends = made
        }
        self.ends = ends
    }

    /// For its standard output and error. The fallback is the shim's standard input, /dev/null.
    var number: CInt { ends?.writing.number ?? 0 }

    func owns(_ number: CInt) -> Bool { ends?.reading.number == number }

    /// The path through the shim's /proc directory: below the runtime, no process inherits the
    /// pipe.
    var path: String {
        number == 0 ? "/dev/null" : "/proc/\(shim.identity.pid)/fd/\(number)"
    }

    /// Reads the pending output; `false` if there was none.
    @discardableResult
    func listen() -> Bool {
        var more: [UInt8] = []
        ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
            more = try ends?.reading.read(limit: RuntimeWords.kept) ?? []
        }
        heard.add(more)
        return !more.isEmpty
    }

    /// The runtime has ended: reads the rest. It reads at most what a pipe holds, because other
    /// processes may keep writing.
    func end() {
        guard let number = ends?.reading.number else { return }
        for _ in 0..<64 where !listen() { break }
        shim.epoll.remove(number)
    }
}

private final class PipeEnds {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    init() throws(SystemCallFailure) {
        let ends = try Pipe().release()
        reading = OwnedDescriptor(adopting: ends.reading)
        writing = OwnedDescriptor(adopting: ends.writing)
    }
}
