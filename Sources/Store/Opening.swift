// Opening whatever lies there: a daemon that does not start ends no pod, and helps nobody.

extension Store {
    /// Opens the store, as `init` does. Where the file is damaged it is set aside, and a new store
    /// has whatever of it can still be read; `damage` says so. Throws where there is no store to
    /// be had at all: no room for an empty one, no right to the directory, another owner, or a
    /// newer version's file, which is no damage. With `ignoringLocks`, a lock that another process
    /// has on the file is no obstacle: the caller knows that the process is no other owner.
    ///
    /// - Parameter adopting: asked if there is damage, for the pods that are known without the
    ///   store. One whose record cannot be read gets this record, under the name that an operation
    ///   of the pod has for it, if that is free.
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
        // Before SQLite looks at the log, which it would cut at the first fault.
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

    /// SQLite reads the missing end of a last page as zeros, and finds nothing wrong with it. A
    /// killed writer leaves half of a page only where the log still has the whole one.
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
            // Closed at the end of this block; it has no log, so the file is then whole.
            let target = try Connection(unfinished: place.unfinished)
            place.holdReserve()
            damage = try Salvage.run(
                place.path, log, into: target, found: found, adopting: adopted)
        } catch {
            // The damaged file lies where it lay; the next start tries again.
            place.prepare()
            throw error
        }
        try place.commit()
        damage.setAside = try place.finish()
        return damage
    }

    /// A start that was killed had made the new store, and taken its count with it.
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
    /// A new database of the present schema that keeps no log while it is filled.
    convenience init(unfinished path: String) throws(StoreFailure) {
        try self.init(path: path)
        try execute(Schema.ownership)
        try execute(Schema.layout)
        try execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
        try transaction { () throws(StoreFailure) in try execute(Schema.tables) }
    }
}

extension StoreFailure {
    /// What is wrong with the file; `nil` where something else is.
    fileprivate var damage: String? {
        switch self {
        case .corrupt(let why): why
        case .other(let code, let message) where StoreFailure.damageCodes.contains(code): message
        case .full, .newerSchema, .other: nil
        }
    }

    /// What SQLite says of a file whose head asks for a format that it does not know (SQLITE_ERROR,
    /// SQLITE_READONLY), or that ends too early (SQLITE_IOERR_SHORT_READ).
    private static let damageCodes: Set<Int32> = [1, 8, 522]
}
