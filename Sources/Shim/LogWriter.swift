// The log writer: a helper process that cuts a task's output into lines and writes them. It may
// wait for the log's disk without any limit.

import Kernel
import Linux
import ShimProtocol

struct LogWriter: ~Copyable {
    /// The most bytes in one read.
    private static let batch = 65536

    private let path: String
    private let notes: LogNotes
    private let inputs: [LogInput]
    private var gap = LogGap()
    private var file: LogFile?
    /// The bytes read, and the lines made of them. Kept between batches while a task writes a lot;
    /// the writer of a quiet task frees them.
    private var buffer: [UInt8] = []
    private var lines: [UInt8] = []

    /// Adopts the read ends of the note pipe and of the stream pipes.
    init(path: String, notes: CInt, inputs: [(stream: UInt8, descriptor: CInt)]) {
        self.path = path
        self.notes = LogNotes(OwnedDescriptor(adopting: notes))
        self.inputs = inputs.map {
            LogInput($0.stream, OwnedDescriptor(adopting: $0.descriptor))
        }
    }

    /// Runs until all streams have ended. If the disk refuses lines (ENOSPC, EROFS), the writer
    /// drops and counts them. It writes the count before the next line that the disk takes.
    consuming func run() -> CInt {
        file = open()
        do throws(SystemCallFailure) {
            let epoll = try Epoll()
            try notes.descriptor.setNonblocking()
            try epoll.add(notes.descriptor.number, .readable, tag: 0)
            for (index, input) in inputs.enumerated() {
                try input.descriptor.setNonblocking()
                try epoll.add(input.descriptor.number, .readable, tag: UInt64(index) + 1)
            }
            while inputs.contains(where: { !$0.hasEnded }) {
                for event in epoll.wait(milliseconds: -1) {
                    if event.tag == 0 {
                        if !notes.take() { epoll.remove(notes.descriptor.number) }
                        for input in inputs { putNotes(of: input) }
                    } else {
                        let input = inputs[Int(event.tag) - 1]
                        try take(input)
                        if input.hasEnded { epoll.remove(input.descriptor.number) }
                    }
                }
            }
        } catch { return 1 }
        return 0
    }

    /// The shim sends a note before the output that follows it, so the writer reads notes first.
    private mutating func take(_ input: LogInput) throws(SystemCallFailure) {
        let count = input.descriptor.pendingBytes
        _ = notes.take()
        putNotes(of: input)
        let limit = max(1, min(count, LogWriter.batch, input.bytesToNote(notes)))
        if buffer.count < limit { buffer = [UInt8](repeating: 0, count: limit) }
        guard let size = try input.descriptor.read(into: &buffer, limit: limit) else { return }
        let now = SystemClock.timestamp()
        input.lines(buffer[..<size], at: now, into: &lines)
        input.notes(notes, into: &lines)
        put(at: now)
        if size < LogWriter.batch / 4 { (buffer, lines) = ([], []) }
    }

    private mutating func putNotes(of input: LogInput) {
        if notes.next(of: input.number) == nil { return }
        input.notes(notes, into: &lines)
        put(at: SystemClock.timestamp())
    }

    private mutating func put(at now: [UInt8]) {
        guard !lines.isEmpty else { return }
        if file == nil { file = open() }
        let chunk = gap.next(lines, at: now)
        gap.wrote(chunk, refused: write(chunk, to: file))
        lines.removeAll(keepingCapacity: true)
    }

    private borrowing func open() -> LogFile? {
        do throws(SystemCallFailure) {
            if let parent = Files.parent(of: path) {
                try Files.makeDirectories(parent, mode: 0o750)
            }
            // O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW
            return LogFile(
                try OwnedDescriptor.opening(path, 0o1 | 0o100 | 0o2000 | 0o400000, mode: 0o640))
        } catch { return nil }
    }

    /// Returns how many bytes the file did not take.
    private borrowing func write(_ bytes: [UInt8], to file: LogFile?) -> Int {
        guard let file else { return bytes.count }
        var rest = bytes[...]
        do throws(SystemCallFailure) {
            while !rest.isEmpty { rest = rest.dropFirst(try file.descriptor.write(rest)) }
        } catch {}
        return rest.count
    }
}

private final class LogFile {
    let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}

/// The notes that the shim has sent.
private final class LogNotes {
    let descriptor: OwnedDescriptor
    private(set) var all: [LogNote] = []

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Reads the pending notes; `false` at the end of the pipe.
    func take() -> Bool {
        do {
            while let bytes = try descriptor.read(limit: 64 * LogNote.size) {
                if bytes.isEmpty { return false }
                for start in stride(from: 0, to: bytes.count, by: LogNote.size) {
                    all.append(try LogNote(bytes[start...].prefix(LogNote.size)))
                }
            }
        } catch { return false }
        return true
    }

    func next(of stream: UInt8) -> LogNote? { all.first { $0.stream == stream } }

    func removeNext(of stream: UInt8) {
        if let index = all.firstIndex(where: { $0.stream == stream }) { all.remove(at: index) }
    }
}

/// One stream on its way to the log.
private final class LogInput {
    let descriptor: OwnedDescriptor
    private(set) var hasEnded = false
    let number: UInt8
    private var cutter: LineCutter
    private var taken: UInt64 = 0

    init(_ number: UInt8, _ descriptor: consuming OwnedDescriptor) {
        self.number = number
        self.descriptor = descriptor
        cutter = LineCutter(number == 0 ? "stdout" : "stderr")
    }

    /// Makes log lines of the bytes that arrived. Empty `bytes` mean the end of the stream, which
    /// completes the unfinished line.
    func lines(_ bytes: ArraySlice<UInt8>, at now: [UInt8], into lines: inout [UInt8]) {
        taken += UInt64(bytes.count)
        if !bytes.isEmpty { return cutter.cut(bytes, at: now, into: &lines) }
        hasEnded = true
        cutter.end(at: now, into: &lines)
    }

    func bytesToNote(_ notes: LogNotes) -> Int {
        guard let note = notes.next(of: number), note.position > taken else { return .max }
        return Int(clamping: note.position - taken)
    }

    /// Writes the notes that are due at this position, after the unfinished line before them.
    func notes(_ notes: LogNotes, into lines: inout [UInt8]) {
        while let note = notes.next(of: number), note.position <= taken {
            let now = SystemClock.timestamp()
            cutter.end(at: now, into: &lines)
            lines += LineCutter.note(
                "\(note.dropped) bytes of output were dropped here", at: now)
            notes.removeNext(of: number)
        }
    }
}
