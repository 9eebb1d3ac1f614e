// What the runtime says, in its log and on its standard output and error, through a pipe: it would
// fill the run directory, which is memory, if it could write there.

import Linux
import ShimProtocol

/// The end of what the runtime said, because its last error is what counts, and how much came
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

/// What one run of the runtime says.
final class RuntimeTalk {
    private unowned let shim: Shim
    private let ends: PipeEnds?
    private(set) var heard = RuntimeWords()

    /// Without a descriptor to spare nothing is heard, and the runtime works all the same.
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

    /// For its standard output and error; else /dev/null, which is the shim's standard input.
    var number: CInt { ends?.writing.number ?? 0 }

    func owns(_ number: CInt) -> Bool { ends?.reading.number == number }

    /// Opened by its place among the shim's descriptors, it is nobody's below the runtime.
    var path: String {
        number == 0 ? "/dev/null" : "/proc/\(shim.identity.pid)/fd/\(number)"
    }

    /// The arguments with this pipe for the log.
    func logged(_ arguments: [String], _ log: String) -> [String] {
        let path = path
        return arguments.map { $0 == log ? path : $0 }
    }

    /// Takes what is there; `false` if that was nothing.
    @discardableResult
    func listen() -> Bool {
        var more: [UInt8] = []
        ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
            more = try ends?.reading.read(limit: RuntimeWords.kept) ?? []
        }
        heard.add(more)
        return !more.isEmpty
    }

    /// The runtime has ended: the rest is taken, and no more than a pipe holds, should others
    /// write on.
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
