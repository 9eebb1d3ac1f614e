// A helper that reads a task's log for one client. The daemon reads no disk, so that a dead disk
// delays no client but the readers of its logs. A reader of a quiet log sleeps.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct LogReader: ~Copyable {
    private static let chunk = 65536

    private let home: LogHome
    private let finder: LogFinder
    private let query: LogQuery
    private var filter: LogFilter
    private var answer: LogAnswer
    private let output: OwnedDescriptor
    private var file: OpenLog?
    /// The number of the next file, if `file` is `nil`.
    private var next: UInt64 = 0
    /// Where a reader that does not follow ends.
    private var end: LogPlace?

    private init(
        _ home: LogHome, _ query: LogQuery, output: consuming OwnedDescriptor
    ) {
        self.home = home
        finder = LogFinder(home)
        self.output = output
        self.query = query
        filter = LogFilter(query, skipping: 0)
        answer = LogAnswer(query)
    }

    /// Writes the answer to `output`. A reader that follows ends when `control` does, and when
    /// its output is closed.
    static func run(
        _ home: LogHome, _ query: LogQuery, control: consuming OwnedDescriptor,
        output: consuming OwnedDescriptor
    ) throws(SystemCallFailure) {
        var reader = LogReader(home, query, output: output)
        try reader.begin()
        query.follows ? try reader.follow(until: control) : try reader.readOn()
    }

    // MARK: Where to begin

    private mutating func begin() throws(SystemCallFailure) {
        let last = !query.follows || query.tail != nil ? try finder.last() : nil
        if let last { end = LogPlace(file: last.number, offset: UInt64(try last.size())) }
        // It is not opened again, because the client may rename it.
        if case .client = home { file = last }
        if let cursor = query.cursor { return try begin(at: cursor) }
        if let tail = query.tail, let last, let end {
            let (place, skips) = try finder.tail(tail, query, in: last, before: end)
            filter = LogFilter(query, skipping: skips)
            if file == nil { file = try finder.open(atLeast: place.file) }
            if let file, file.number == place.file { file.offset = Int(clamping: place.offset) }
        }
        if query.follows { end = nil }
    }

    private mutating func begin(at cursor: LogPlace) throws(SystemCallFailure) {
        next = cursor.file
        if file == nil { file = try finder.open(atLeast: cursor.file) }
        guard let found = file else { return }
        if found.number != cursor.file {
            answer.addGap(LogReader.lost, next: found.place)
        } else if try found.size() < Int(clamping: cursor.offset) {
            answer.addGap(LogReader.truncated, next: found.place)
        } else {
            found.offset = Int(clamping: cursor.offset)
        }
    }

    private static let lost = "a part of the log was removed before it was read"
    private static let truncated = "the log was truncated"

    // MARK: Reading

    private var isAtEnd: Bool {
        guard let end else { return false }
        guard let file else { return true }
        if file.number == end.file { return file.offset >= Int(clamping: end.offset) }
        if case .client = home { return true }
        return file.number > end.file
    }

    /// Reads up to the end of what there is now.
    private mutating func readOn() throws(SystemCallFailure) {
        while true {
            if file == nil, try !openNext() { break }
            if isAtEnd { break }
            if try !readChunk(), try !passEnd() { break }
        }
        try flush()
    }

    /// Returns `false` if there is no next file yet.
    private mutating func openNext() throws(SystemCallFailure) -> Bool {
        guard let found = try finder.open(atLeast: next) else { return false }
        if next > 0 && found.number != next { answer.addGap(LogReader.lost, next: found.place) }
        file = found
        return true
    }

    /// Returns `false` if the file has no whole line more.
    private mutating func readChunk() throws(SystemCallFailure) -> Bool {
        guard let file else { return false }
        let bytes = try file.read(limit: LogReader.chunk)
        let limit = end?.file == file.number ? Int(clamping: end?.offset ?? .max) : .max
        var place = 0
        while let newline = bytes.span.index(ofFirst: 10, from: place), file.offset < limit {
            let line = place..<newline
            place = newline + 1
            file.offset += line.count + 1
            guard let record = LogRecord(bytes.span, line) else { continue }
            let (isWanted, begins) = filter.take(record, bytes.span)
            if isWanted { answer.add(record, begins: begins, bytes.span, next: file.place) }
            if answer.count >= LogReader.chunk { try flush() }
        }
        // No line of a log is as long.
        if place == 0 && bytes.count == LogReader.chunk { file.offset += bytes.count }
        return place > 0 || bytes.count == LogReader.chunk
    }

    /// At a file's end: goes on to the next file. Returns `false` if this is the last one.
    private mutating func passEnd() throws(SystemCallFailure) -> Bool {
        guard let file else { return false }
        if !file.isCurrent {
            self.file = nil
            next = finder.next(after: file)
            return true
        }
        switch try finder.fate(of: file) {
        case .isFormer:
            // What was written to it before is read first.
            file.isCurrent = false
        case .isCurrent:
            guard try file.size() < file.offset else { return false }
            file.offset = 0
            answer.addGap(LogReader.truncated, next: file.place)
        case .isRemoved(let next, let isLoss):
            self.file = nil
            self.next = next
            if isLoss { answer.addGap(LogReader.lost, next: file.place) }
        case .isRenamed: return false
        }
        return true
    }

    private mutating func flush() throws(SystemCallFailure) {
        if answer.count > 0 { try output.writeAll(answer.take()) }
    }

    // MARK: Following

    private mutating func follow(
        until control: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let epoll = try Epoll()
        var notices = try DirectoryNotices()
        try epoll.add(control.number, .readable, tag: 0)
        try epoll.add(output.number, .failed, tag: 1)
        try epoll.add(notices.number, .readable, tag: 2)
        while true {
            // What is watched first and read then is not missed.
            let place = try deepestDirectory()
            let isTold = try notices.watch(place)
            try readOn()
            while try place.isSame(as: deepestDirectory()) {
                if try !wait(epoll, isTold ? LogReader.longest : LogReader.unwatched) { return }
                // A task that writes all the time wakes the reader a hundred times a second.
                SystemClock.pause(milliseconds: 10)
                notices.clear()
                try readOn()
            }
        }
    }

    /// Milliseconds between two looks, and without notices.
    private static let longest: Int64 = 3_600_000
    private static let unwatched: Int64 = 200

    /// The log's directory, or as much of its path as there is.
    private func deepestDirectory() throws(SystemCallFailure) -> String {
        var path = home.directory
        while try !Files.exists(path) { path = Files.parent(of: path) ?? "/" }
        return path
    }

    /// Waits for something to read. Returns `false` if nothing will come, or nothing is wanted.
    private mutating func wait(
        _ epoll: borrowing Epoll, _ longest: Int64
    ) throws(SystemCallFailure) -> Bool {
        let left = query.endsAt.map { max(0, $0 - SystemClock.wall) } ?? longest
        if left == 0 { return false }
        for event in epoll.wait(milliseconds: CInt(clamping: min(left, longest))) {
            if event.tag == 1 { return false }
            if event.tag == 0 {
                try readOn()
                return false
            }
        }
        return true
    }
}
