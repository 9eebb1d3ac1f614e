// A damaged store, read page by page with SQLite's own code.
//
// SQLite finds a page through the schema and the pages above it, and any of those may be damaged.
// So the image has our own first page, with two tables that begin after the last page. To read a
// page, its bytes are copied to one of these places, where it is a whole table for SQLite. SQLite
// decodes the rows, follows their overflow pages, and refuses invalid pages. The damaged schema is
// never executed.

import Glibc

/// The pages as SQLite would see them: the committed part of the log replaces pages of the file.
/// The file is mapped, and never written: only the replaced pages take memory.
// SAFETY: `start` is a mapping of `length` bytes, which the connection reads until `deinit` closes
// it and unmaps the bytes. No statement is under way while they change.
@safe final class StoreImage {
    enum Kind: UInt8 {
        /// Rows of an index, or of a table WITHOUT ROWID. A few rows of `meta` may be on pages
        /// above these. They are skipped, because none of them is needed.
        case keys = 0x0a
        case rows = 0x0d
    }

    /// Pages are numbered from 1. A page that is neither in the file nor in the log has zeros.
    let pageCount: Int
    private let start: UnsafeMutableRawPointer
    private let length: Int
    private var connection: Connection?
    private var changes: UInt32 = 1

    static let pageSize = Int(Schema.pageSize)
    /// One gigabyte, more than a store ever has; it bounds the time of a salvage.
    private static let mostPages = (1 << 18) - 3

    /// The file at `path` with `log` over it. A file that cannot be opened has no pages.
    ///
    /// - Parameter eventsRoot: the first page of the events. It never moves, so a new store's is
    ///   the same as any store's.
    init(path: String, log: SavedLog, eventsRoot: Int) throws(StoreFailure) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        defer { if file >= 0 { close(file) } }
        var status = stat()
        // SAFETY: `status` is written before the call returns, and not kept.
        let isFile = unsafe fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        // A page without its end does not count: SQLite would take zeros for the rest.
        let inFile = isFile ? Int(status.st_size) / StoreImage.pageSize : 0
        pageCount = min(max(1, log.pageCount ?? inFile), StoreImage.mostPages)
        length = (pageCount + 2) * StoreImage.pageSize
        unsafe start = try StoreImage.map(
            length, file, min(inFile, pageCount) * StoreImage.pageSize)
        for (page, offset) in log.newest where 1...pageCount ~= page {
            if let bytes = log.page(at: offset) { put(bytes, at: page) }
        }
        try connect(eventsRoot <= pageCount ? eventsRoot : pageCount + 1)
    }

    deinit {
        connection = nil
        unsafe munmap(start, length)
    }

    private static func map(
        _ length: Int, _ file: CInt, _ fileLength: Int
    ) throws(StoreFailure) -> UnsafeMutableRawPointer {
        let access = PROT_READ | PROT_WRITE
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, length, access, flags, -1, 0), unsafe start != failed
        else { throw .other(code: errno, message: "mmap of \(length) bytes: errno \(errno)") }
        guard fileLength > 0 else { return unsafe start }
        let laid = unsafe mmap(start, fileLength, access, MAP_PRIVATE | MAP_FIXED, file, 0)
        guard unsafe laid == start else {
            let why = errno
            unsafe munmap(start, length)
            throw .other(code: why, message: "mmap of the store: errno \(why)")
        }
        return unsafe start
    }

    private func connect(_ eventsRoot: Int) throws(StoreFailure) {
        put(try firstPage(eventsRoot), at: 1)
        // A leaf without rows: a fault in our own first page shows at once.
        for (index, kind) in [Kind.rows, .keys].enumerated() {
            put([kind.rawValue, 0, 0, 0, 0, 0x10, 0, 0], at: pageCount + 1 + index)
        }
        let connection = unsafe try Connection(image: start, length)
        try connection.execute("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;")
        try connection.run(.rowsOfPage)
        try connection.run(.keysOfPage)
        self.connection = connection
    }

    /// The first page of a database without a map of its pages. `rows` and `keys` have more columns
    /// than any record of ours, so that SQLite reads each record to its end.
    private func firstPage(_ eventsRoot: Int) throws(StoreFailure) -> [UInt8] {
        let template = try Connection(path: ":memory:")
        let columns = (1..<SalvagedRow.width).map { ", c\($0)" }.joined()
        try template.execute(
            """
            PRAGMA page_size = \(Schema.pageSize);
            CREATE TABLE rows(c0\(columns));
            CREATE TABLE keys(key PRIMARY KEY, value, more) WITHOUT ROWID;
            CREATE TABLE events(revision INTEGER PRIMARY KEY, document);
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET rootpage = CASE name
                WHEN 'rows' THEN \(pageCount + 1) WHEN 'keys' THEN \(pageCount + 2)
                ELSE \(eventsRoot) END;
            """)
        var page = Array(try template.serialized().prefix(StoreImage.pageSize))
        page.replaceSubrange(28..<32, with: UInt32(pageCount + 2).bigEndianBytes)
        return page
    }

    /// Copies at most a page of bytes.
    private func put(_ bytes: [UInt8], at page: Int) {
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: place(page), count: StoreImage.pageSize)
        unsafe room.copyBytes(from: bytes)
    }

    private func place(_ page: Int) -> UnsafeMutableRawPointer {
        unsafe start + (page - 1) * StoreImage.pageSize
    }
}

extension StoreImage {
    /// The page's kind from its header; `nil` if its rows cannot be read without other pages.
    func kind(_ page: Int) -> Kind? {
        page > 1 ? Kind(rawValue: unsafe place(page).load(as: UInt8.self)) : nil
    }

    /// Our rows on a leaf of a table, as many as are readable, each once or twice.
    func rows(on page: Int) -> [(rowid: Int64, row: SalvagedRow)] {
        var rows: [(Int64, SalvagedRow)] = []
        func add(_ row: borrowing Row) {
            if let salvaged = SalvagedRow(row) { rows.append((row.integer(0), salvaged)) }
        }
        show(page, at: pageCount + 1)
        // Also from the other end, because an unreadable row hides the rows after it.
        if !read(.rowsOfPage, add) { _ = read(.rowsOfPageBackwards, add) }
        return rows
    }

    /// The keys and values on a page.
    func keys(on page: Int) -> [(key: String, value: Value)] {
        var keys: [(String, Value)] = []
        show(page, at: pageCount + 2)
        _ = read(.keysOfPage) { row in
            if case .text(let key)? = row.value(0), let value = row.value(1) {
                keys.append((key, value))
            }
        }
        return keys
    }

    /// Whether SQLite can read the table of events by its own pages, to its end and in order.
    func canReadEvents() -> Bool {
        var last: Int64 = -1
        var isOrdered = true
        let isRead = read(.allEvents) { row in
            _ = row.bytes(1)
            isOrdered = isOrdered && row.integer(0) > last
            last = row.integer(0)
        }
        return isRead && isOrdered
    }

    private func show(_ page: Int, at place: Int) {
        unsafe self.place(place).copyMemory(
            from: self.place(page), byteCount: StoreImage.pageSize)
        // SQLite caches pages until the change counter differs. The counter's second copy tells
        // that the page count is valid.
        changes &+= 1
        let counter = changes.bigEndian
        unsafe start.storeBytes(of: counter, toByteOffset: 24, as: UInt32.self)
        unsafe start.storeBytes(of: counter, toByteOffset: 92, as: UInt32.self)
    }

    /// Whether everything was readable.
    private func read(_ query: Query, _ add: (borrowing Row) -> Void) -> Bool {
        do throws(StoreFailure) {
            try connection?.run(query, row: add)
            return true
        } catch { return false }
    }
}

extension UInt32 {
    fileprivate var bigEndianBytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * UInt32($0))) }
    }
}

/// `MAP_FAILED`, a macro that Swift does not import.
private var failed: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: -1) }
