// Reads the lines of an untrusted file: it may contain any bytes, and any number of them.

import Kernel
import Linux

/// Reads a file line by line; holds at most one line and one chunk in memory.
struct LineReader: ~Copyable {
    private let file: OwnedDescriptor
    private var buffer: [UInt8] = []
    /// How many bytes of `buffer` were returned already.
    private var start = 0
    private var count = 0
    private var hasEnded = false
    /// The limit that the file exceeds, in words; after that `next` returns no more lines.
    private(set) var limit: String?

    private let fileLimit: Int
    private static let lineLimit = 1 << 20

    init(file: consuming OwnedDescriptor, fileLimit: Int) {
        self.file = file
        self.fileLimit = fileLimit
    }

    /// The next line, without surrounding white space; `nil` at the end or at a limit.
    mutating func next() throws(SystemCallFailure) -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n"))
            if (end ?? buffer.count) - start > LineReader.lineLimit {
                limit = "has a line longer than \(LineReader.lineLimit) bytes"
                return nil
            }
            if let end { return take(upTo: end) }
            if hasEnded { return start < buffer.count ? take(upTo: buffer.count) : nil }
            searched = buffer.count - start
            try fill()
            if limit != nil { return nil }
        }
    }

    private mutating func take(upTo end: Int) -> ArraySlice<UInt8> {
        let line = buffer[start..<end]
        start = min(end + 1, buffer.count)
        let isSpace = { (byte: UInt8) in byte == 32 || (9...13).contains(byte) }
        guard let first = line.firstIndex(where: { !isSpace($0) }),
            let last = line.lastIndex(where: { !isSpace($0) })
        else { return [] }
        return line[first...last]
    }

    /// Drops the returned bytes and reads more. If nothing can be read now, the file counts as
    /// ended.
    private mutating func fill() throws(SystemCallFailure) {
        buffer.removeFirst(start)
        start = 0
        let more = try file.read(limit: 65536) ?? []
        hasEnded = more.isEmpty
        buffer += more
        count += more.count
        if count > fileLimit { limit = "is larger than \(fileLimit) bytes" }
    }
}
