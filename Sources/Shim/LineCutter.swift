// One of a task's streams, cut into the lines of its log: time, stream, `F` for the end of a line
// or `P` for a part of one that goes on, and the text, as the CRI has them.

package struct LineCutter {
    /// The longest text of one line in the log.
    package static let limit = 16384

    private let stream: String
    /// The begin of a line, at most `limit` bytes.
    private var kept: [UInt8] = []

    package init(_ stream: String) { self.stream = stream }

    /// The log's lines for what has come at this time.
    package mutating func cut(_ bytes: [UInt8], at time: [UInt8]) -> [UInt8] {
        var rest = kept.isEmpty ? bytes[...] : (kept + bytes)[...]
        var lines: [UInt8] = []
        while let end = rest.firstIndex(of: 10) {
            var line = rest[..<end]
            put(partsOf: &line, at: time, into: &lines)
            put(line, "F", at: time, into: &lines)
            rest = rest[(end + 1)...]
        }
        put(partsOf: &rest, at: time, into: &lines)
        kept = Array(rest)
        return lines
    }

    /// The stream's end, which ends its last line as well.
    package mutating func end(at time: [UInt8]) -> [UInt8] {
        defer { kept = [] }
        var lines: [UInt8] = []
        if !kept.isEmpty { put(kept[...], "F", at: time, into: &lines) }
        return lines
    }

    /// A line that is no task's.
    package static func note(_ text: String, at time: [UInt8]) -> [UInt8] {
        var lines: [UInt8] = []
        LineCutter("stderr").put(Array("staunch: \(text)".utf8)[...], "F", at: time, into: &lines)
        return lines
    }

    /// Leaves at most `limit` bytes: what follows them may be their line's end.
    private func put(
        partsOf line: inout ArraySlice<UInt8>, at time: [UInt8], into lines: inout [UInt8]
    ) {
        while line.count > LineCutter.limit {
            put(line.prefix(LineCutter.limit), "P", at: time, into: &lines)
            line = line.dropFirst(LineCutter.limit)
        }
    }

    private func put(
        _ text: ArraySlice<UInt8>, _ tag: String, at time: [UInt8], into lines: inout [UInt8]
    ) {
        lines += time
        lines.append(32)
        lines += stream.utf8
        lines.append(32)
        lines += tag.utf8
        lines.append(32)
        lines += text
        lines.append(10)
    }
}
