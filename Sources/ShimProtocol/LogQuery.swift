// What a client wants to read of a task's log, as words for the helper that reads it.

/// A place in a log: between two lines of a file.
package struct LogPlace: Equatable, Sendable {
    /// The number of the file, which the current one will have when it is a former one.
    package let file: UInt64
    /// Bytes.
    package let offset: UInt64

    package init(file: UInt64, offset: UInt64) {
        self.file = file
        self.offset = offset
    }

    /// `7.1024`
    package var text: String { "\(file).\(offset)" }

    package init?(_ text: String) {
        let parts = text.utf8.split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let file = UInt64(String(decoding: parts[0], as: UTF8.self)),
            let offset = UInt64(String(decoding: parts[1], as: UTF8.self)), file > 0
        else { return nil }
        self.init(file: file, offset: offset)
        guard self.text.utf8.elementsEqual(text.utf8) else { return nil }
    }
}

package struct LogQuery: Equatable, Sendable {
    package enum Stream: String, CaseIterable, Sendable { case stdout, stderr }

    /// Whether the reader goes on with what comes later, until it is told that nothing will come.
    package var follows = false
    /// The most lines, counted from the end; `nil` for all.
    package var tail: UInt64?
    /// Times in RFC 3339, in UTC with nanoseconds, as the log has them. Lines before `since`, or
    /// after `until`, are left out.
    package var since: String?
    package var until: String?
    /// Milliseconds since 1970 after which a reader that follows ends; `nil` if it does not end
    /// by itself.
    package var endsAt: Int64?
    /// Only lines of this stream; `nil` for both.
    package var stream: Stream?
    /// Whether text lines begin with their time.
    package var hasTimestamps = false
    /// The beginning of each cursor, if the answer is NDJSON; `nil` if it is text.
    package var cursorMark: String?
    /// Where to go on; `nil` for the beginning.
    package var cursor: LogPlace?

    package init() {}
}

extension LogQuery {
    package var words: [String] {
        var words: [String] = follows ? ["follow"] : []
        if hasTimestamps { words.append("timestamps") }
        if let tail { words.append("tail=\(tail)") }
        if let since { words.append("since=\(since)") }
        if let until { words.append("until=\(until)") }
        if let endsAt { words.append("ends=\(endsAt)") }
        if let stream { words.append("stream=\(stream.rawValue)") }
        if let cursorMark { words.append("mark=\(cursorMark)") }
        if let cursor { words.append("cursor=\(cursor.text)") }
        return words
    }

    package init?(words: [String]) {
        self.init()
        for word in words {
            let parts = word.utf8.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false
            ).map { String(decoding: $0, as: UTF8.self) }
            switch (parts[0], parts.count == 2 ? parts[1] : nil) {
            case ("follow", nil): follows = true
            case ("timestamps", nil): hasTimestamps = true
            case ("tail", let text?):
                guard let lines = UInt64(text) else { return nil }
                tail = lines
            case ("since", let text?): since = text
            case ("until", let text?): until = text
            case ("ends", let text?):
                guard let time = Int64(text) else { return nil }
                endsAt = time
            case ("stream", let text?):
                guard let named = Stream(rawValue: text) else { return nil }
                stream = named
            case ("mark", let text?): cursorMark = text
            case ("cursor", let text?):
                guard let place = LogPlace(text) else { return nil }
                cursor = place
            default: return nil
            }
        }
    }
}
