// The records on tmpfs: one SQLite file, one transaction for each change.
//
// A killed process loses nothing: its writes are in the page cache. A boot loses everything, but
// also the pods. A file whose end was cut off later may open as an earlier state, because SQLite
// cannot tell a lost end of its log from an end that was never written.

import Glibc

/// NOT thread-safe: the owner calls it under its own lock. The owner also holds a lock on the
/// directory, so that there is one process. Every call is a few memory copies; none waits.
package final class Store {
    let connection: Connection
    /// Whether there was no store before.
    package let isNew: Bool
    /// `nil` until the first prune.
    var tally: Tally?
    /// `false` for a store of schema 1 that had no space for them: see Migration.swift.
    var hasCreationColumn = true
    var hasCreationOrder = true

    /// Opens the file at `path`, and creates it if there is none. Throws for an unusable file, and
    /// neither changes nor removes it.
    package init(path: String, ignoringLocks: Bool = false) throws(StoreFailure) {
        let found = size(path)
        // SQLite takes an empty or truncated file for a new one, and deletes the log beside it.
        guard found >= Schema.pageSize || found == 0 && size(path + "-wal") == 0 else {
            throw .corrupt("\(path) is cut off at \(found) bytes")
        }
        connection = try Connection(path: path, ignoringLocks: ignoringLocks)
        // A close moves the log into the file, which must not happen to a damaged file.
        connection.keepLogWhenClosed(size(path + "-wal") > 0)
        // Must come before the first read of the file, which would otherwise map the log's index.
        try connection.execute(Schema.ownership)
        if found == 0 { try connection.execute(Schema.layout) }
        let version = try connection.integer("PRAGMA user_version")
        guard 0...Schema.farthest ~= version else { throw .corrupt("a schema \(version)") }
        guard version <= Schema.version else {
            throw .newerSchema(found: version, known: Schema.version)
        }
        try connection.execute(Schema.settings)
        isNew = version == 0
        if isNew { try makeTables() }
        try check()
        connection.keepLogWhenClosed(false)
        if !isNew { try migrate(from: version) }
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

/// Bytes of the file at `path`; 0 if there is none.
private func size(_ path: String) -> Int64 {
    var status = stat()
    // SAFETY: `status` is written before the call returns, and not kept.
    return unsafe stat(path, &status) == 0 ? Int64(status.st_size) : 0
}
