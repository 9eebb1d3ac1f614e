// From the schema of an earlier version to the present one, while pods live. Each step can be run
// again: whatever dies, the next start goes on.

extension Store {
    /// Version 1 had the order of creation in the documents alone. A start needs no room: without
    /// any, the column is added before the next commit, which needs room as well, and the list of
    /// operations is refused until there is enough for the rest.
    func migrateFromVersion1() throws(StoreFailure) {
        let columns = "SELECT count(*) FROM pragma_table_info('operations') WHERE name = 'creation'"
        hasCreationColumn = try connection.integer(columns) > 0
        hasCreationOrder = false
        do throws(StoreFailure) { try orderByCreation() } catch {
            guard error == .full else { throw error }
        }
    }

    /// Nothing waits for it: without room it is done by a later start.
    func migrateFromVersion2() throws(StoreFailure) {
        do throws(StoreFailure) {
            try connection.transaction { () throws(StoreFailure) in
                try connection.execute(Schema.withoutExits)
            }
        } catch {
            guard error == .full else { throw error }
        }
    }

    func addCreationColumn() throws(StoreFailure) {
        if hasCreationColumn { return }
        try connection.execute("ALTER TABLE operations ADD COLUMN creation INTEGER")
        hasCreationColumn = true
    }

    func orderByCreation() throws(StoreFailure) {
        if hasCreationOrder { return }
        do throws(StoreFailure) {
            try addCreationColumn()
            try fillCreation()
            try connection.transaction { () throws(StoreFailure) in
                try connection.execute(Schema.creationIndexes)
                try connection.execute(Schema.withoutExits)
            }
        } catch {
            // The log gives back what room it has taken: a delete may need it.
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            throw error
        }
        hasCreationOrder = true
    }

    /// Some rows at a time, so that the log beside the file stays small.
    private func fillCreation() throws(StoreFailure) {
        var done: Int64 = .min
        while true {
            let end = try integer(.endOfRows, [.integer(done), .integer(256)])
            guard end > done, end > 0 else { return }
            try connection.transaction { () throws(StoreFailure) in
                try connection.run(.fillCreation, [.integer(done), .integer(end)])
            }
            done = end
        }
    }
}
