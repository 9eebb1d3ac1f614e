// A new store from what can be read of a damaged one, row by row.

/// Fills `target`, a new database, and counts. Nothing is written anywhere else.
struct Salvage {
    private let survey: Survey
    private let target: Connection
    private var keys: [StoreTable: Set<RecordID>] = [:]
    private var tables: [StoreTable: StoreDamage.Count] = [:]
    private var isFull = false

    /// What the counter jumps by where its own record was lost: the pages that said how far it had
    /// come are the same that are gone, so the highest one seen may be that much too low. A million
    /// changes are hours of churn, and more than the log or a page of events can hold.
    static let margin: UInt64 = 1_000_000

    private init(_ image: StoreImage, into target: Connection) throws(StoreFailure) {
        self.target = target
        var roots: [Int: (table: StoreTable, isKeys: Bool)] = [:]
        try target.run(.roots) { row in
            guard let table = StoreTable(rawValue: row.text(1)) else { return }
            roots[Int(row.integer(0))] = (table, row.integer(2) == 1)
        }
        survey = Survey(image, roots: roots)
        for table in StoreTable.allCases { tables[table] = StoreDamage.Count() }
    }

    /// - Returns: the account, without where the old file went.
    static func run(
        _ image: StoreImage, into target: Connection, found: String
    ) throws(StoreFailure) -> StoreDamage {
        var salvage = try Salvage(image, into: target)
        var damage = StoreDamage(setAside: "", found: found)
        try salvage.writeCounters(&damage)
        try salvage.copyAll()
        try salvage.writeCounters(&damage)
        try salvage.count(&damage)
        return damage
    }

    /// Twice: before the rows, so that they are there whatever comes, and after them, when it is
    /// known whether all events are. They have their place, so they fit where the store itself did.
    private func writeCounters(_ damage: inout StoreDamage) throws(StoreFailure) {
        let counters = survey.counters
        let isMissingEvents = tables[.events, default: StoreDamage.Count()].withoutRoom > 0
        damage.revision = counters.highest + (survey.countersAreCurrent ? 0 : Salvage.margin)
        damage.hasEventGap =
            isMissingEvents || !survey.eventsAreWhole || !survey.countersAreCurrent
        damage.isBootLost = counters.boot == nil
        let floor = damage.hasEventGap ? damage.revision : counters.eventFloor ?? damage.revision
        try target.run(.setMeta, [.text("boot"), .text(counters.boot ?? "")])
        try target.run(.setMeta, [.text("revision"), .revision(damage.revision)])
        try target.run(.setMeta, [.text("event_floor"), .revision(floor)])
        // Whose ids were on what cannot be read, nobody knows.
        var forgotten = counters.forgotten ?? ForgottenTimes()
        forgotten.isWhole = false
        try target.run(.setForgotten, [.blob(forgotten.bytes)])
    }

    /// The most precious first, since room may end: what lives, what runs, and then what was.
    private mutating func copyAll() throws(StoreFailure) {
        try copy(.pods)
        try target.run(.dropDoubledPods)
        try copy(.exits)
        try copy(.operations) { if case .operation(_, true, _, _) = $0 { true } else { false } }
        try copy(.operations, newestFirst: true) {
            if case .operation(_, false, _, _) = $0 { true } else { false }
        }
        try copy(.aliases)
        try copy(.events, newestFirst: true)
    }

    private mutating func copy(
        _ table: StoreTable, newestFirst: Bool = false,
        where isMeant: (SalvagedRow) -> Bool = { _ in true }
    ) throws(StoreFailure) {
        let leaves = (survey.leaves[table] ?? []).sorted {
            newestFirst ? $0.rowid > $1.rowid : $0.rowid < $1.rowid
        }
        for leaf in leaves {
            let rows = survey.rows(on: leaf.page).filter { $0.table == table && isMeant($0) }
            for row in rows { if let key = row.key { keys[table, default: []].insert(key) } }
            try put(rows, table)
        }
    }

    /// All of a page at once, and where that is too much one by one, as long as one fits.
    private mutating func put(_ rows: [SalvagedRow], _ table: StoreTable) throws(StoreFailure) {
        if !isFull, try didPut(rows) { return }
        for row in rows {
            if !isFull, try didPut([row]) { continue }
            isFull = true
            tables[table, default: StoreDamage.Count()].withoutRoom += 1
        }
    }

    private func didPut(_ rows: [SalvagedRow]) throws(StoreFailure) -> Bool {
        do throws(StoreFailure) {
            try target.transaction { () throws(StoreFailure) in
                for row in rows { try target.run(row.query, row.values) }
            }
            return true
        } catch {
            guard case .full = error else { throw error }
            return false
        }
    }

    private func count(_ damage: inout StoreDamage) throws(StoreFailure) {
        damage.tables = tables
        damage.pagesUnread = survey.pagesUnread
        var missing: [StoreTable: Int] = [:]
        for (table, page) in survey.keyPages {
            let found = keys[table] ?? []
            missing[table, default: 0] += survey.keys(on: page).count { !found.contains($0) }
        }
        for table in StoreTable.allCases {
            damage.tables[table]?.kept = try target.rows(of: table)
            damage.tables[table]?.lost = max(
                missing[table] ?? 0, survey.unreadable[table] ?? 0)
        }
    }
}

extension Connection {
    func rows(of table: StoreTable) throws(StoreFailure) -> Int {
        Int(try integer("SELECT count(*) FROM \(table.rawValue)"))
    }
}

extension SalvagedRow {
    fileprivate var query: Query {
        switch self {
        case .pod: .upsertPod
        case .operation: .salvageOperation
        case .alias: .insertAlias
        case .event: .salvageEvent
        case .exit: .insertExit
        }
    }

    fileprivate var values: [Value] {
        switch self {
        case .pod(let pod): [.id(pod.uid), .text(pod.name), .blob(pod.document)]
        case .operation(_, _, _, let values): values
        case .alias(let alias):
            [
                .id(alias.id), .id(alias.operation),
                .integer(Int64(bitPattern: alias.fingerprint)), .integer(alias.createdAt),
            ]
        case .event(let event): [.revision(event.revision), .blob(event.document)]
        case .exit(let exit): [.id(exit.taskUID), .id(exit.podUID), .blob(exit.document)]
        }
    }
}
