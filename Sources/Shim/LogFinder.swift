// The files of a log, as a reader finds them while a writer may rotate them.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// A log file that is open for reading.
final class OpenLog {
    private let descriptor: OwnedDescriptor
    private let identity: FileIdentity
    /// The number that it has or will have as a former file. The inode's number, if it is a
    /// client's file, because the client chooses the names of former files.
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

    /// A file of a client's.
    init(_ file: consuming OwnedDescriptor) throws(SystemCallFailure) {
        identity = try file.status().identity
        descriptor = file
        // 19 digits, which have room in a cursor.
        number = max(1, identity.inode & UInt64(Int64.max))
        isCurrent = true
    }

    var place: LogPlace { LogPlace(file: number, offset: UInt64(offset)) }

    func size() throws(SystemCallFailure) -> Int { try descriptor.status().size }

    func hasName(_ path: String) throws(SystemCallFailure) -> Bool {
        try Files.status(path)?.identity == identity
    }

    func isSame(as other: FileIdentity) -> Bool { identity == other }

    func read(limit: Int) throws(SystemCallFailure) -> [UInt8] {
        try descriptor.read(at: offset, limit: limit)
    }

    func read(from start: Int, limit: Int) throws(SystemCallFailure) -> [UInt8] {
        try descriptor.read(at: start, limit: limit)
    }
}

struct LogFinder {
    private let home: LogHome

    init(_ home: LogHome) { self.home = home }

    /// Opens the file of this number, or else the next file; `nil` if there is none yet. Of a log
    /// in a client's file, the current file is opened.
    func open(atLeast number: UInt64) throws(SystemCallFailure) -> OpenLog? {
        switch home {
        case .own(let names): try open(names, atLeast: number)
        case .client(let log): try open(log)
        }
    }

    private func open(_ log: ClientLog) throws(SystemCallFailure) -> OpenLog? {
        let found: OwnedDescriptor?
        do throws(FileRefused) { found = try log.file.reading() } catch {
            // EPERM: what is there now is no log.
            throw SystemCallFailure(call: "open", subject: error.detail, errno: 1)
        }
        guard let found else { return nil }
        return try OpenLog(found)
    }

    private func open(
        _ names: LogNames, atLeast number: UInt64
    ) throws(SystemCallFailure) -> OpenLog? {
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

    /// The file with the end of the log now; `nil` if there is no file.
    func last() throws(SystemCallFailure) -> OpenLog? {
        if let current = try open(atLeast: .max) { return current }
        // For a moment of a rotation there is no current file.
        guard case .own(let names) = home, let number = try names.numbers().last else {
            return nil
        }
        return try open(names.path(number), number, isCurrent: false)
    }

    /// What has become of a file that was the current one.
    enum Fate {
        case isCurrent
        /// Nothing more is written to it, and the log goes on in the file of the number.
        case isFormer
        /// It has no name any more. The log goes on in the file of the number.
        case isRemoved(next: UInt64, isLoss: Bool)
        /// A client has renamed it, and it is written to until the client's next request.
        case isRenamed
    }

    func fate(of file: OpenLog) throws(SystemCallFailure) -> Fate {
        switch home {
        case .own(let names):
            if try file.hasName(names.path(file.number)) { return .isFormer }
            if try file.hasName(names.current) { return .isCurrent }
            // It was rotated and then removed as the oldest file, or another program has removed
            // it.
            let isRotated = try names.numbers().last ?? 0 >= file.number
            return .isRemoved(
                next: isRotated ? file.number + 1 : file.number, isLoss: !isRotated)
        case .client(let log):
            guard let named = log.file.status() else { return .isRenamed }
            if file.isSame(as: named.identity) { return .isCurrent }
            // The client may make the next file before the writer changes over to it.
            return named.size > 0 ? .isFormer : .isRenamed
        }
    }

    /// The number of the file after a former one; 0 for any.
    func next(after file: OpenLog) -> UInt64 {
        if case .own = home { file.number + 1 } else { 0 }
    }

    // MARK: The last lines

    /// Bytes that are searched at once, from the end of a file to its beginning.
    private static let piece = 1 << 20

    /// Finds the last `count` lines that a client wants. Returns where to begin, and how many lines
    /// from there to leave out.
    func tail(
        _ count: UInt64, _ query: LogQuery, in last: OpenLog, before end: LogPlace
    ) throws(SystemCallFailure) -> (from: LogPlace, skipping: UInt64) {
        var need = count
        var upper: LogPlace? = end
        var first = end
        while let limit = upper {
            let found = limit.file == last.number ? last : try open(atLeast: limit.file)
            guard let file = found, file.number == limit.file else { break }
            var rest = min(Int(clamping: limit.offset), try file.size())
            while rest > 0 {
                let (start, bytes) = try piece(of: file, before: rest)
                let found = lines(in: bytes, query)
                first = LogPlace(file: file.number, offset: UInt64(start))
                if found >= need { return (first, found - need) }
                need -= found
                rest = start
            }
            guard case .own(let names) = home else { break }
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
