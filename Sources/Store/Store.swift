// The records on tmpfs: one SQLite file, one transaction for each change.
//
// What is lost when: nothing by a killed process (its writes are in the page cache), everything by
// a boot (so are the pods). A file whose last part was cut off after the fact may come back as an
// earlier state: SQLite cannot tell a missing end of its log from one that was never written.

import Glibc

/// NOT thread-safe: whoever owns it calls it under a lock of their own, and holds a lock on the
/// directory, so that there is one process. Every call is a few memory copies; none waits.
package final class Store {
    let connection: Connection
    /// Whether there was no store before.
    package let isNew: Bool
    /// `nil` until something is to be pruned.
    var tally: Tally?
    /// Not in a store of schema 1 that had no room for them, see Migration.swift.
    var hasCreationColumn = true
    var hasCreationOrder = true

    /// Opens the file at `path`, which is made where there is none. A file that cannot be used is
    /// reported, and is neither changed nor removed.
    package init(path: String, ignoringLocks: Bool = false) throws(StoreFailure) {
        let found = size(path)
        // SQLite takes an empty file, or a stump, for a new one, and deletes the log beside it.
        guard found >= Schema.pageSize || found == 0 && size(path + "-wal") == 0 else {
            throw .corrupt("\(path) is cut off at \(found) bytes")
        }
        connection = try Connection(path: path, ignoringLocks: ignoringLocks)
        // A log goes into the file when it is closed, and must not go into one that is damaged.
        connection.keepLogWhenClosed(size(path + "-wal") > 0)
        // Before the first look into the file, which would map the log's index otherwise.
        try connection.execute(Schema.ownership)
        if found == 0 { try connection.execute(Schema.layout) }
        let version = try connection.integer("PRAGMA user_version")
        guard version <= Schema.farthest else { throw .corrupt("a schema \(version)") }
        guard version <= Schema.version else {
            throw .newerSchema(found: version, known: Schema.version)
        }
        try connection.execute(Schema.settings)
        isNew = version == 0
        if isNew { try makeTables() }
        try check()
        connection.keepLogWhenClosed(false)
        if version == 1 { try migrateFromVersion1() }
        if version == 2 { try migrateFromVersion2() }
    }

    /// The global counter at the last change.
    package func revision() throws(StoreFailure) -> UInt64 {
        try UInt64(clamping: integer(.number, [.text("revision")]))
    }

    func integer(_ query: Query, _ values: [Value] = []) throws(StoreFailure) -> Int64 {
        var number: Int64 = 0
        try connection.run(query, values) { number = $0.integer(0) }
        return number
    }

    private func makeTables() throws(StoreFailure) {
        guard try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 else {
            throw .corrupt("a database of something else")
        }
        try connection.transaction { () throws(StoreFailure) in
            try connection.execute(Schema.tables)
        }
    }

    /// Reads every page once, so that damage shows now and not in the middle of a delete.
    private func check() throws(StoreFailure) {
        let answer = try connection.text("PRAGMA quick_check(1)")
        guard answer == "ok" else { throw .corrupt(answer) }
    }
}

/// Bytes of the file at `path`; 0 where there is none.
private func size(_ path: String) -> Int64 {
    var status = stat()
    // SAFETY: `status` is written before the call returns, and not kept.
    return unsafe stat(path, &status) == 0 ? Int64(status.st_size) : 0
}
