// Opens the store even if it is damaged, because a daemon that does not start can end no pod.

extension Store {
    /// Opens the store, as `init` does. If the file is damaged, it is set aside. A new store then
    /// contains all rows that are still readable, and `damage` describes the loss. Throws if no
    /// store is possible: no space for an empty one, no permission for the directory, another
    /// owner, or a newer version's file, which is no damage. If `ignoringLocks`, another process's
    /// lock on the file is no obstacle: the caller knows that it is not another owner.
    ///
    /// - Parameter adopting: called if there is damage; returns the pods that are known without the
    ///   store. If a pod's record is unreadable, the pod gets this record, under its name in its
    ///   newest operation, if that is free.
    package static func opening(
        path: String, ignoringLocks: Bool = false, adopting: () -> [PodRecord] = { [] }
    ) throws(StoreFailure) -> (store: Store, damage: StoreDamage?) {
        let place = SetAside(path: path)
        if place.isWhole {
            let aside = try place.finish()
            let store = try Store(path: path)
            return (store, try store.afterInterruption(aside))
        }
        let found: String
        // Checked before SQLite reads the log, because SQLite truncates it at the first fault.
        let log = SavedLog(path + "-wal")
        if let fault = log.fault ?? brokenEnd(path, log) {
            found = fault
        } else {
            do throws(StoreFailure) {
                return (try Store(path: path, ignoringLocks: ignoringLocks), nil)
            } catch {
                guard let why = error.damage else { throw error }
                found = why
            }
        }
        let damage = try salvage(place, log, found, adopting())
        return (try Store(path: path), damage)
    }

    /// SQLite reads the missing end of a last page as zeros, and reports no fault. A killed writer
    /// leaves half a page only if the log still has the whole page.
    private static func brokenEnd(_ path: String, _ log: SavedLog) -> String? {
        let size = RawFile(path)?.size ?? 0
        let last = size / StoreImage.pageSize + 1
        guard size % StoreImage.pageSize > 0, log.newest[last] == nil, last <= log.pageCount ?? last
        else { return nil }
        return "\(path) is cut off at \(size) bytes"
    }

    private static func salvage(
        _ place: SetAside, _ log: SavedLog, _ found: String, _ adopted: [PodRecord]
    ) throws(StoreFailure) -> StoreDamage {
        place.prepare()
        defer { place.dropReserve() }
        var damage: StoreDamage
        do throws(StoreFailure) {
            // Closed at the end of this block; it has no log, so the file is then complete.
            let target = try Connection(unfinished: place.unfinished)
            place.holdReserve()
            damage = try Salvage.run(
                place.path, log, into: target, found: found, adopting: adopted)
        } catch {
            // The damaged file is still in its place; the next start tries again.
            place.prepare()
            throw error
        }
        try place.commit()
        damage.setAside = try place.finish()
        return damage
    }

    /// A killed start had made the new store, and its counts are lost.
    private func afterInterruption(_ aside: String) throws(StoreFailure) -> StoreDamage {
        var damage = StoreDamage(
            setAside: aside, found: "damage that an earlier start found; what is lost was not kept")
        for table in StoreTable.allCases {
            damage.tables[table] = StoreDamage.Count(kept: try connection.rows(of: table))
        }
        damage.revision = try revision()
        damage.hasEventGap = try eventFloor() >= damage.revision
        return damage
    }
}

extension Connection {
    /// A new database of the present schema that has no log while it is filled.
    convenience init(unfinished path: String) throws(StoreFailure) {
        try self.init(path: path)
        try execute(Schema.ownership)
        try execute(Schema.layout)
        try execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
        try transaction { () throws(StoreFailure) in try execute(Schema.tables) }
    }
}

extension StoreFailure {
    /// The damage of the file; `nil` for any other failure.
    fileprivate var damage: String? {
        switch self {
        case .corrupt(let why): why
        case .other(let code, let message) where StoreFailure.damageCodes.contains(code): message
        case .full, .newerSchema, .other: nil
        }
    }

    /// SQLite's codes for an unknown file format (SQLITE_ERROR, SQLITE_READONLY), or a truncated
    /// file (SQLITE_IOERR_SHORT_READ).
    private static let damageCodes: Set<Int32> = [1, 8, 522]
}
