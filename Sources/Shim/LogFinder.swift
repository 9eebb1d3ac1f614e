// The files of a log, as a reader finds them while a writer may rotate them.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// A log file that is open for reading.
final class OpenLog {
    private let descriptor: OwnedDescriptor
    private let identity: FileIdentity
    /// The number that it has or will have as a former file.
    let number: UInt64
    /// It was the current file when it was last looked at.
    var isCurrent: Bool
    /// Bytes up to here were read.
    var offset = 0

    init(_ path: String, number: UInt64, isCurrent: Bool) throws(SystemCallFailure) {
        // O_RDONLY | O_NOFOLLOW | O_NONBLOCK: a FIFO in its place is not waited for.
        descriptor = try OwnedDescriptor.opening(path, 0o400000 | 0o4000)
        identity = try descriptor.status().identity
        self.number = number
        self.isCurrent = isCurrent
    }

    var place: LogPlace { LogPlace(file: number, offset: UInt64(offset)) }

    func size() throws(SystemCallFailure) -> Int { try descriptor.status().size }

    func hasName(_ path: String) throws(SystemCallFailure) -> Bool {
        try Files.status(path)?.identity == identity
    }

    func read(limit: Int) throws(SystemCallFailure) -> [UInt8] {
        try descriptor.read(at: offset, limit: limit)
    }

    func read(from start: Int, limit: Int) throws(SystemCallFailure) -> [UInt8] {
        try descriptor.read(at: start, limit: limit)
    }
}

struct LogFinder {
    private let names: LogNames

    init(_ names: LogNames) { self.names = names }

    /// Opens the file of this number, or else the next file; `nil` if there is none yet.
    func open(atLeast number: UInt64) throws(SystemCallFailure) -> OpenLog? {
        while true {
            let numbers = try names.numbers()
            if let former = numbers.first(where: { $0 >= number }) {
                guard let found = try open(names.path(former), former, isCurrent: false) else {
                    continue  // removed meanwhile, as the oldest one
                }
                return found
            }
            let next = (numbers.last ?? 0) + 1
            let found = try open(names.current, next, isCurrent: true)
            // It has this number if no rotation came in between.
            guard try names.numbers().last == numbers.last else { continue }
            return found
        }
    }

    private func open(
        _ path: String, _ number: UInt64, isCurrent: Bool
    ) throws(SystemCallFailure) -> OpenLog? {
        do throws(SystemCallFailure) {
            return try OpenLog(path, number: number, isCurrent: isCurrent)
        } catch {
            guard error.errno == 2 else { throw error }  // ENOENT
            return nil
        }
    }

    /// The end of the log now; `nil` if there is no file.
    func end() throws(SystemCallFailure) -> LogPlace? {
        var last = try open(atLeast: .max)
        if last == nil { last = try lastFormer() }
        guard let last else { return nil }
        return LogPlace(file: last.number, offset: UInt64(try last.size()))
    }

    /// For a moment of a rotation there is no current file.
    private func lastFormer() throws(SystemCallFailure) -> OpenLog? {
        guard let number = try names.numbers().last else { return nil }
        return try open(names.path(number), number, isCurrent: false)
    }

    // MARK: The last lines

    /// Bytes that are searched at once, from the end of a file to its beginning.
    private static let piece = 1 << 20

    /// Finds the last `count` lines that a client wants. Returns where to begin, and how many lines
    /// from there to leave out.
    func tail(
        _ count: UInt64, _ query: LogQuery, before end: LogPlace
    ) throws(SystemCallFailure) -> (from: LogPlace, skipping: UInt64) {
        var need = count
        var upper: LogPlace? = end
        var first = end
        while let limit = upper {
            guard let file = try open(atLeast: limit.file), file.number == limit.file else {
                break
            }
            var rest = min(Int(clamping: limit.offset), try file.size())
            while rest > 0 {
                let (start, bytes) = try piece(of: file, before: rest)
                let found = lines(in: bytes, query)
                first = LogPlace(file: file.number, offset: UInt64(start))
                if found >= need { return (first, found - need) }
                need -= found
                rest = start
            }
            let former = try names.numbers().last { $0 < limit.file }
            upper = former.map { LogPlace(file: $0, offset: .max) }
        }
        return (first, 0)
    }

    /// The bytes before a place, from a place on where no line of either stream goes on.
    private func piece(
        of file: OpenLog, before end: Int
    ) throws(SystemCallFailure) -> (start: Int, [UInt8]) {
        var size = LogFinder.piece
        while true {
            let start = max(0, end - size)
            let bytes = try file.read(from: start, limit: end - start)
            if start == 0 { return (0, bytes) }
            if let cut = LogFinder.firstBeginning(in: bytes), cut < bytes.count {
                return (start + cut, Array(bytes[cut...]))
            }
            size *= 2
        }
    }

    /// The first place where the line of each stream that the bytes have has ended. The bytes may
    /// begin in the middle of a record, and of a line of each stream.
    private static func firstBeginning(in bytes: [UInt8]) -> Int? {
        var ends: [(place: Int, stream: LogQuery.Stream, isPart: Bool)] = []
        var place = bytes.span.index(ofFirst: 10, from: 0).map { $0 + 1 } ?? bytes.count
        while let newline = bytes.span.index(ofFirst: 10, from: place) {
            if let record = LogRecord(bytes.span, place..<newline) {
                ends.append((newline + 1, record.stream, record.isPart))
            }
            place = newline + 1
        }
        // Until its first end, a line of a stream may have begun before the bytes.
        var isOpen: [LogQuery.Stream: Bool] = [:]
        for end in ends { isOpen[end.stream] = true }
        for end in ends {
            isOpen[end.stream] = end.isPart
            if !isOpen.values.contains(true) { return end.place }
        }
        return nil
    }

    /// How many lines the client wants of these.
    private func lines(in bytes: [UInt8], _ query: LogQuery) -> UInt64 {
        var filter = LogFilter(query, skipping: 0)
        var found: UInt64 = 0
        var place = 0
        while let newline = bytes.span.index(ofFirst: 10, from: place) {
            if let record = LogRecord(bytes.span, place..<newline) {
                let (isWanted, begins) = filter.take(record, bytes.span)
                if isWanted && begins { found += 1 }
            }
            place = newline + 1
        }
        return found
    }
}
