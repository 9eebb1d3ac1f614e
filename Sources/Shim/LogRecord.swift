// One line of a log file: time, stream, tag, text.

import Bytes
import ShimProtocol

struct LogRecord {
    /// The places in the bytes that were parsed.
    let time: Range<Int>
    let text: Range<Int>
    let stream: LogQuery.Stream
    /// The line goes on in a later record.
    let isPart: Bool

    /// Parses the bytes of a line without its newline; `nil` if they are no record, such as a line
    /// of a writer that was killed.
    init?(_ bytes: Span<UInt8>, _ line: Range<Int>) {
        guard let space = bytes.index(ofFirst: 32, from: line.lowerBound),
            space > line.lowerBound, space + 10 <= line.upperBound, bytes[space + 7] == 32,
            bytes[space + 9] == 32
        else { return nil }
        switch bytes[space + 8] {
        case 0x46: isPart = false  // F
        case 0x50: isPart = true  // P
        default: return nil
        }
        let name = (1...6).map { bytes[space + $0] }
        guard let named = LogQuery.Stream(rawValue: String(decoding: name, as: UTF8.self)) else {
            return nil
        }
        stream = named
        time = line.lowerBound..<space
        text = space + 10..<line.upperBound
    }
}

/// Which lines a client wants. A line counts with all its parts, by the time of its first one.
struct LogFilter {
    private let since: [UInt8]?
    private let until: [UInt8]?
    private let stream: LogQuery.Stream?
    /// Lines that are still left out, because only the last ones are wanted.
    private var skips: UInt64
    /// For each stream whether its line goes on, and whether that line is wanted.
    private var open: [LogQuery.Stream: Bool] = [:]

    init(_ query: LogQuery, skipping skips: UInt64) {
        since = query.since.map { Array($0.utf8) }
        until = query.until.map { Array($0.utf8) }
        stream = query.stream
        self.skips = skips
    }

    /// Whether the record is wanted, and begins a line.
    mutating func take(
        _ record: LogRecord, _ bytes: Span<UInt8>
    ) -> (isWanted: Bool, begins: Bool) {
        let former = open[record.stream]
        var isWanted = former ?? isMatching(record, bytes)
        if former == nil, isWanted, skips > 0 {
            skips -= 1
            isWanted = false
        }
        open[record.stream] = record.isPart ? isWanted : nil
        return (isWanted, former == nil)
    }

    private func isMatching(_ record: LogRecord, _ bytes: Span<UInt8>) -> Bool {
        if let stream, stream != record.stream { return false }
        if since == nil && until == nil { return true }
        let time = record.time.map { bytes[$0] }
        if let since, time.lexicographicallyPrecedes(since) { return false }
        if let until, until.lexicographicallyPrecedes(time) { return false }
        return true
    }
}

/// The answer's bytes, until they are written.
struct LogAnswer: ~Copyable {
    private let hasTimestamps: Bool
    private let mark: String?
    private var text = ByteBuilder(capacity: 4096)
    /// How many bytes wait.
    var count: Int { text.count }

    init(_ query: LogQuery) {
        hasTimestamps = query.hasTimestamps
        mark = query.cursorMark
    }

    /// `next` is the place after the record.
    mutating func add(
        _ record: LogRecord, begins: Bool, _ bytes: Span<UInt8>, next: LogPlace
    ) {
        let line = bytes.extracting(record.text)
        guard let mark else {
            if hasTimestamps && begins {
                text.append(bytes.extracting(record.time))
                text.append(32)
            }
            text.append(line)
            if !record.isPart { text.append(10) }
            return
        }
        text.append("{\"time\":\"")
        text.append(bytes.extracting(record.time))
        text.append("\",\"stream\":\"")
        text.append(utf8: record.stream.rawValue)
        text.append("\",\"text\":\"")
        if line.isUTF8 {
            text.append(escaping: line)
            text.append("\"")
        } else {
            var encoded: [UInt8] = []
            appendBase64(line, to: &encoded)
            text.append(encoded)
            text.append("\",\"encoding\":\"base64\"")
        }
        if record.isPart { text.append(",\"partial\":true") }
        end(mark, next)
    }

    /// A part of the log is not there any more.
    mutating func addGap(_ why: String, next: LogPlace) {
        guard let mark else {
            text.append(utf8: "staunch: \(why)\n")
            return
        }
        text.append("{\"gap\":\"")
        text.append(escaping: why)
        text.append("\"")
        end(mark, next)
    }

    private mutating func end(_ mark: String, _ next: LogPlace) {
        text.append(",\"cursor\":\"")
        text.append(utf8: mark)
        text.append(".")
        text.append(decimal: next.file)
        text.append(".")
        text.append(decimal: next.offset)
        text.append("\"}\n")
    }

    mutating func take() -> [UInt8] {
        var taken = ByteBuilder(capacity: 4096)
        swap(&taken, &text)
        return taken.finish().bytes
    }
}
