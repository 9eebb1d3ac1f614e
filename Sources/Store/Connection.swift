// SQLite's C API as far as the store needs it. All `unsafe` calls of it are in this file.

import CSQLite
import Failpoints

/// The value of a statement's parameter or column.
enum Value {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
    case id(RecordID)

    init(_ id: RecordID?) { self = id.map(Value.id) ?? .null }
    init(_ text: String?) { self = text.map(Value.text) ?? .null }
}

/// One open database. Not thread-safe: it opens SQLite for one thread at a time.
// SAFETY: `handle` and the statements are made by `init` and `statement(_:)`, are never given away,
// and are freed only by `deinit` and `hasFormerColumns`, which nothing sets while a statement is
// under way; a `Row` cannot outlive the step that it shows.
@safe final class Connection {
    private let handle: OpaquePointer
    private var prepared: [Query: OpaquePointer] = unsafe [:]

    /// If `ignoringLocks`, the connection neither checks nor takes locks on the file.
    init(path: String, ignoringLocks: Bool = false) throws(StoreFailure) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = unsafe sqlite3_open_v2(
            path, &opened, flags | SQLITE_OPEN_EXRESCODE, ignoringLocks ? "unix-none" : nil)
        guard let opened = unsafe opened else {
            throw .other(code: code, message: "no memory to open \(path)")
        }
        unsafe handle = opened
        // From here on `deinit` closes it: a failed open leaves a handle, too.
        guard code == SQLITE_OK else { throw failure(code) }
        unsafe sqlite3_busy_timeout(opened, 0)
    }

    /// A database in memory that reads the `length` bytes at `image`, page by page on demand. The
    /// caller owns them, and closes the connection before they are freed.
    init(image: UnsafeMutableRawPointer, _ length: Int) throws(StoreFailure) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        var code = unsafe sqlite3_open_v2(":memory:", &opened, flags, nil)
        guard let opened = unsafe opened else {
            throw .other(code: code, message: "no memory for a database")
        }
        unsafe handle = opened
        if code == SQLITE_OK {
            code = unsafe sqlite3_deserialize(
                opened, "main", image.assumingMemoryBound(to: UInt8.self), Int64(length),
                Int64(length), UInt32(SQLITE_DESERIALIZE_READONLY))
        }
        guard code == SQLITE_OK else { throw failure(code) }
        // No record has nearly 16 MiB, and a damaged length must not allocate memory.
        unsafe sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, 1 << 24)
    }

    deinit {
        finalizeStatements()
        unsafe sqlite3_close_v2(handle)
    }

    /// Whether the columns have the names of version 3.
    var hasFormerColumns = false {
        didSet { finalizeStatements() }
    }

    private func finalizeStatements() {
        unsafe prepared.values.forEach { unsafe sqlite3_finalize($0) }
        unsafe prepared = [:]
    }

    /// The number of rows that the last statement changed.
    var changes: Int64 { unsafe sqlite3_changes64(handle) }

    /// Whether a transaction is open.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Whether a close keeps the log beside the file. Otherwise SQLite moves it into the file.
    func keepLogWhenClosed(_ keep: Bool) { _ = unsafe csqlite_keep_log(handle, keep ? 1 : 0) }

    /// Executes all of `body`, or nothing of it.
    func transaction(_ body: () throws(StoreFailure) -> Void) throws(StoreFailure) {
        failpoint("store.begin")
        try run(.begin)
        do throws(StoreFailure) {
            try body()
            if isFailing("store.commit", .noSpace) { throw .full }
            try run(.commit)
            failpoint("store.commit")
        } catch {
            // Some failures (a full disk) have ended the transaction already.
            if isInTransaction { try run(.rollback) }
            throw error
        }
    }

    /// Runs statements whose results are not needed.
    func execute(_ sql: String) throws(StoreFailure) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// Runs one statement to its end, and passes each of its rows to `row`.
    func run(
        _ query: Query, _ values: [Value] = [], row: (borrowing Row) -> Void = { _ in }
    ) throws(StoreFailure) {
        let statement = unsafe try statement(query)
        // A statement that is not reset would hold its read transaction and its bound bytes.
        defer { unsafe sqlite3_reset(statement) }
        for (index, value) in values.enumerated() {
            try unsafe bind(value, to: Int32(index + 1), of: statement)
        }
        while true {
            let code = unsafe sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw failure(code) }
            row(unsafe Row(statement: statement))
        }
    }

    /// The first column of the first row; for statements that run once.
    func text(_ sql: String) throws(StoreFailure) -> String {
        var made: OpaquePointer?
        let code = unsafe sqlite3_prepare_v2(handle, sql, -1, &made, nil)
        guard code == SQLITE_OK, let made = unsafe made else { throw failure(code) }
        defer { unsafe sqlite3_finalize(made) }
        let step = unsafe sqlite3_step(made)
        guard step == SQLITE_ROW else { throw failure(step) }
        return unsafe Row(statement: made).text(0)
    }

    /// The pages of the database.
    func serialized() throws(StoreFailure) -> [UInt8] {
        var length: Int64 = 0
        guard let bytes = unsafe sqlite3_serialize(handle, "main", &length, 0) else {
            throw .other(code: SQLITE_NOMEM, message: "no memory for the pages of a database")
        }
        defer { unsafe sqlite3_free(bytes) }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
    }

    func integer(_ sql: String) throws(StoreFailure) -> Int64 { Int64(try text(sql)) ?? 0 }

    private func statement(_ query: Query) throws(StoreFailure) -> OpaquePointer {
        if let statement = unsafe prepared[query] { return unsafe statement }
        let sql = hasFormerColumns ? query.former : query.rawValue
        var made: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
        guard code == SQLITE_OK, let made = unsafe made else { throw failure(code) }
        unsafe prepared[query] = made
        return unsafe made
    }

    private func bind(
        _ value: Value, to index: Int32, of statement: OpaquePointer
    ) throws(StoreFailure) {
        let code =
            switch value {
            case .null: unsafe sqlite3_bind_null(statement, index)
            case .integer(let number): unsafe sqlite3_bind_int64(statement, index, number)
            case .text(let text): unsafe sqlite3_bind_text(statement, index, text, -1, copied)
            case .blob(let bytes): unsafe bind(bytes, to: index, of: statement)
            case .id(let id): unsafe bind(id.bytes, to: index, of: statement)
            }
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func bind(_ bytes: [UInt8], to index: Int32, of statement: OpaquePointer) -> Int32 {
        // An empty array may have no address, and SQLite binds NULL for a blob without one.
        if bytes.isEmpty { return unsafe sqlite3_bind_zeroblob(statement, index, 0) }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe sqlite3_bind_blob64(
                statement, index, bytes.baseAddress, UInt64(bytes.count), copied)
        }
    }

    private func failure(_ code: Int32) -> StoreFailure {
        let message = unsafe String(cString: sqlite3_errmsg(handle))
        switch code & 0xff {
        case SQLITE_FULL: return .full
        case SQLITE_IOERR where unsafe sqlite3_system_errno(handle) == noSpace: return .full
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt(message)
        default: return .other(code: code, message: message)
        }
    }
}

/// The current row of a statement.
// SAFETY: borrowed by the closure that `run` calls, and not copyable: gone before the next step.
@safe struct Row: ~Copyable {
    fileprivate let statement: OpaquePointer

    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    func bytes(_ column: Int32) -> [UInt8] {
        // SQLite requires the pointer before the count for a value that it may convert.
        guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
        let count = Int(unsafe sqlite3_column_bytes(statement, column))
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// `nil` for a floating-point number, and for text that is not UTF-8.
    func value(_ column: Int32) -> Value? {
        switch unsafe sqlite3_column_type(statement, column) {
        case SQLITE_NULL: .null
        case SQLITE_INTEGER: .integer(integer(column))
        case SQLITE_BLOB: .blob(bytes(column))
        case SQLITE_TEXT: String(validating: bytes(column), as: UTF8.self).map(Value.text)
        default: nil
        }
    }

    func isInteger(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(statement, column) == SQLITE_INTEGER
    }

    func id(_ column: Int32) -> RecordID? { RecordID(bytes(column)) }
}

extension RecordID {
    /// 16 bytes, the highest first: UUIDv7 then sort by their times.
    var bytes: [UInt8] {
        (0..<16).map { index in
            let word = index < 8 ? high : low
            return UInt8(truncatingIfNeeded: word >> UInt64(56 - index % 8 * 8))
        }
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        func word(_ half: ArraySlice<UInt8>) -> UInt64 { half.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: word(bytes[..<8]), low: word(bytes[8...]))
    }
}

/// `SQLITE_TRANSIENT`, a macro that Swift does not import: SQLite copies the bytes before it
/// returns.
// SAFETY: SQLite compares this pointer with -1 and never calls it (sqlite3_bind_blob's page).
private var copied: sqlite3_destructor_type? {
    unsafe unsafeBitCast(-1, to: sqlite3_destructor_type?.self)
}

/// ENOSPC on Linux (errno(3)).
private let noSpace: Int32 = 28
