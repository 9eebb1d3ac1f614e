// Cuts one of a task's streams into log lines in the CRI's format: time, stream, tag, text. The tag
// is `F` for the end of a line and `P` for a part that continues.

import Bytes

package struct LineCutter {
    /// The longest text of one log line, in bytes.
    package static let limit = 16384

    private let stream: [UInt8]
    /// The last log line was a part, so that the next one continues it.
    package private(set) var isMidLine = false
    /// How many lines have ended.
    package private(set) var lines: UInt64 = 0

    package init(_ stream: String) { self.stream = Array(" \(stream) ".utf8) }

    /// Appends log lines for `bytes`, which arrived at this time, until `log` has `room` bytes or
    /// more. Returns how many bytes it took. If there was room, the rest is the beginning of a
    /// line, and has at most `limit` bytes: the caller keeps it, and puts it before the next bytes.
    package mutating func cut(
        _ bytes: Span<UInt8>, at time: [UInt8], into log: inout [UInt8], room: Int
    ) -> Int {
        let (whole, part) = (head(0x46, time), head(0x50, time))  // F, P
        var place = 0
        while log.count < room {
            let end = bytes.index(ofFirst: 10, from: place)
            let next = end ?? bytes.count
            // The end of the line may follow `limit` bytes directly.
            while next - place > LineCutter.limit {
                log.append(part.span)
                log.append(bytes.extracting(place..<place + LineCutter.limit))
                log.append(10)
                place += LineCutter.limit
                isMidLine = true
            }
            guard end != nil else { break }
            log.append(whole.span)
            log.append(bytes.extracting(place...next))
            place = next + 1
            isMidLine = false
            lines += 1
        }
        return place
    }

    /// Appends the end of a line: the bytes that `cut` has left, if there are any.
    package mutating func end(_ rest: Span<UInt8>, at time: [UInt8], into log: inout [UInt8]) {
        if rest.isEmpty { return }
        log.append(head(0x46, time).span)
        log.append(rest)
        log.append(10)
        isMidLine = false
        lines += 1
    }

    /// A line of the shim's own, not the task's.
    package static func note(_ text: String, at time: [UInt8]) -> [UInt8] {
        LineCutter("stderr").head(0x46, time) + Array("staunch: \(text)\n".utf8)
    }

    private func head(_ tag: UInt8, _ time: [UInt8]) -> [UInt8] { time + stream + [tag, 32] }
}
