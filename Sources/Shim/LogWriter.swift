// The log writer: a helper process that moves bytes from a pipe to a file, and may wait for the
// file's disk as long as it likes.

import Linux

struct LogWriter: ~Copyable {
    private let path: String
    private let input: OwnedDescriptor
    private var gap = LogGap()

    init(path: String, input: consuming OwnedDescriptor) {
        self.path = path
        self.input = input
    }

    /// Until the pipe's end. What the disk does not take (ENOSPC, EROFS) is dropped and counted:
    /// the next line that it does take is preceded by the count.
    consuming func run() -> CInt {
        var file = open()
        while true {
            var chunk: [UInt8]
            do throws(SystemCallFailure) {
                guard let more = try input.read(limit: 65536), !more.isEmpty else { return 0 }
                chunk = more
            } catch { return 1 }
            if file == nil { file = open() }
            chunk = gap.next(chunk, at: SystemClock.timestamp())
            gap.wrote(chunk, refused: write(chunk, to: file))
        }
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

    /// How many bytes were not taken.
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
