// Migrates an older schema to the present one, while pods live. Each step can be repeated: after a
// crash the next start continues.

extension Store {
    /// A start needs no space. If there is none, a store of version 2 or 3 keeps its columns until
    /// a later start, because their former names are all that it lacks. In a store of version 1 the
    /// next commit adds the column of the creation, and the list of operations is refused until
    /// there is space for the rest.
    func migrate(from version: Int64) throws(StoreFailure) {
        guard version < Schema.version else { return }
        connection.hasFormerColumns = true
        do throws(StoreFailure) {
            if version > 1 { return try upgrade() }
            try noteMissingCreation()
            try orderByCreation()
        } catch {
            guard error == .full else { throw error }
        }
    }

    /// Version 1 had the order of creation only in the documents.
    private func noteMissingCreation() throws(StoreFailure) {
        let columns = "SELECT count(*) FROM pragma_table_info('operations') WHERE name = 'creation'"
        hasCreationColumn = try connection.integer(columns) > 0
        hasCreationOrder = false
    }

    /// The last steps, from any version. If there is no space, truncates the log, because a delete
    /// may need its space.
    private func upgrade() throws(StoreFailure) {
        do throws(StoreFailure) {
            try connection.transaction { () throws(StoreFailure) in
                if !hasCreationOrder { try connection.execute(Schema.creationIndexes) }
                try connection.execute(Schema.withoutExits)
                try connection.execute(Schema.withOwners)
            }
        } catch {
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            throw error
        }
        connection.hasFormerColumns = false
        hasCreationOrder = true
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
        } catch {
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            throw error
        }
        try upgrade()
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
