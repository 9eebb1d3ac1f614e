// Migrates an older schema to the present one, while pods live. Each step can be repeated: after a
// crash the next start continues.

extension Store {
    /// Version 1 had the order of creation only in the documents. A start needs no space: if there
    /// is none, the next commit adds the column. Until there is space for the rest, the list of
    /// operations is refused.
    func migrateFromVersion1() throws(StoreFailure) {
        let columns = "SELECT count(*) FROM pragma_table_info('operations') WHERE name = 'creation'"
        hasCreationColumn = try connection.integer(columns) > 0
        hasCreationOrder = false
        do throws(StoreFailure) { try orderByCreation() } catch {
            guard error == .full else { throw error }
        }
    }

    /// Nothing depends on it: if there is no space, a later start does it.
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
            // Truncates the log, because a delete may need its space.
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            throw error
        }
        hasCreationOrder = true
    }

    /// Fills some rows at a time, so that the log beside the file stays small.
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
