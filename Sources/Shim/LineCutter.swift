// Cuts one of a task's streams into log lines in the CRI's format: time, stream, tag, text. The tag
// is `F` for the end of a line and `P` for a part that continues.

import Bytes

package struct LineCutter {
    /// The longest text of one log line, in bytes.
    package static let limit = 16384

    private let stream: String
    /// The beginning of an unfinished line, at most `limit` bytes.
    private var kept: [UInt8] = []

    package init(_ stream: String) { self.stream = stream }

    /// Appends the log lines for the bytes that arrived at this time.
    package mutating func cut(
        _ bytes: ArraySlice<UInt8>, at time: [UInt8], into lines: inout [UInt8]
    ) {
        let whole = head("F", at: time)
        var rest = bytes
        if !kept.isEmpty {
            // Only a line that had begun before is joined from two pieces.
            let end = rest.index(ofFirst: 10)
            var line = kept[...] + rest[..<(end ?? rest.endIndex)]
            put(partsOf: &line, at: time, into: &lines)
            kept = []
            guard let end else { return kept = Array(line) }
            lines += whole
            lines += line
            lines.append(10)
            rest = rest[(end + 1)...]
        }
        while let end = rest.index(ofFirst: 10) {
            var line = rest[...end]
            put(partsOf: &line, endingAt: 1, at: time, into: &lines)
            lines += whole
            lines += line
            rest = rest[(end + 1)...]
        }
        put(partsOf: &rest, at: time, into: &lines)
        kept = Array(rest)
    }

    /// Appends the last line: the end of the stream ends it too.
    package mutating func end(at time: [UInt8], into lines: inout [UInt8]) {
        if kept.isEmpty { return }
        lines += head("F", at: time)
        lines += kept
        lines.append(10)
        kept = []
    }

    /// A line of the shim's own, not the task's.
    package static func note(_ text: String, at time: [UInt8]) -> [UInt8] {
        LineCutter("stderr").head("F", at: time) + Array("staunch: \(text)\n".utf8)
    }

    /// Leaves at most `limit` bytes, plus the newline if the line has one, because the end of the
    /// line may follow them.
    private func put(
        partsOf line: inout ArraySlice<UInt8>, endingAt newline: Int = 0, at time: [UInt8],
        into lines: inout [UInt8]
    ) {
        while line.count > LineCutter.limit + newline {
            lines += head("P", at: time)
            lines += line.prefix(LineCutter.limit)
            lines.append(10)
            line = line.dropFirst(LineCutter.limit)
        }
    }

    private func head(_ tag: String, at time: [UInt8]) -> [UInt8] {
        time + Array(" \(stream) \(tag) ".utf8)
    }
}
