// Makes a new store from the readable rows of a damaged one.

import Bytes

/// Fills `target`, a new database, and counts rows. Writes nothing else.
struct Salvage {
    private struct Leaf {
        let page: Int
        /// The rowid of its first row.
        let rowid: Int64
    }

    private let image: StoreImage
    private let target: Connection
    /// Rows are not kept here, so that memory grows with pages, not with records.
    private var leaves: [StoreTable: [Leaf]] = [:]
    /// The highest revision seen.
    private var highest: UInt64 = 0
    private var eventFloor: UInt64?
    private var forgotten = ForgottenTimes()
    /// Keys and values of the rows of `meta` about namespaces and networks.
    private var objects: [(key: String, value: Value)] = []
    /// The pods to adopt, and each one's name in its newest operation.
    private let adopted: [PodRecord]
    private var names: [RecordID: (revision: UInt64, name: String)] = [:]
    private let eventsAreWhole: Bool
    private var tables: [StoreTable: StoreDamage.Count] = [:]
    private var isFull = false

    /// The counter's jump. The pages with the last counter may be lost, so the highest revision
    /// seen may be too low by that much. A million changes are hours of churn, and more than the
    /// log or a page of events can contain.
    static let margin: UInt64 = 1_000_000

    private init(
        _ path: String, _ log: SavedLog, into target: Connection, adopting adopted: [PodRecord]
    ) throws(StoreFailure) {
        self.adopted = adopted
        for pod in adopted { names[pod.uid] = (0, pod.name) }
        let root = try target.integer("SELECT rootpage FROM sqlite_schema WHERE name = 'events'")
        image = try StoreImage(path: path, log: log, eventsRoot: Int(root))
        self.target = target
        eventsAreWhole = log.fault == nil && image.canReadEvents()
        for table in StoreTable.allCases { tables[table] = StoreDamage.Count() }
        for page in 1..<max(1, image.pageCount + 1) {
            switch image.kind(page) {
            case .rows: addLeaf(page)
            case .keys: for (key, value) in image.keys(on: page) { add(key, value) }
            case nil: continue
            }
        }
    }

    /// - Returns: the account of the damage, without the old file's new path.
    static func run(
        _ path: String, _ log: SavedLog, into target: Connection, found: String,
        adopting adopted: [PodRecord]
    ) throws(StoreFailure) -> StoreDamage {
        var salvage = try Salvage(path, log, into: target, adopting: adopted)
        var damage = StoreDamage(setAside: "", found: found)
        try salvage.writeCounters(&damage)
        try salvage.copyPods(&damage)
        try salvage.copyHistory()
        try salvage.writeCounters(&damage)
        for table in StoreTable.allCases {
            salvage.tables[table]?.kept = try target.rows(of: table)
        }
        damage.tables = salvage.tables
        return damage
    }

    private mutating func addLeaf(_ page: Int) {
        var tables: Set<StoreTable> = []
        for (rowid, row) in image.rows(on: page) {
            highest = max(highest, row.revision)
            if case .operation(_, let revision, let values) = row { noteName(values, revision) }
            if tables.insert(row.table).inserted {
                leaves[row.table, default: []].append(Leaf(page: page, rowid: rowid))
            }
        }
    }

    private mutating func noteName(_ operation: [Value], _ revision: UInt64) {
        guard let uid = operation[3].asID, let known = names[uid], known.revision < revision,
            case .text(let name) = operation[4]
        else { return }
        names[uid] = (revision, name)
    }

    /// Takes a row of the table `meta`.
    private mutating func add(_ key: String, _ value: Value) {
        switch (key, value) {
        case ("revision", let value): highest = max(highest, value.asRevision ?? 0)
        case ("event_floor", let value): eventFloor = value.asRevision ?? eventFloor
        case ("forgotten", .blob(let bytes)):
            if let times = ForgottenTimes(bytes: bytes) { forgotten.formUnion(times) }
        case ("forgotten", .integer(let time)):
            forgotten.formUnion(ForgottenTimes(until: time))
        case (let key, .blob)
        where key.after(NamespaceRecord.prefix) != nil || RecordID(key: key) != nil:
            objects.append((key, value))
        default: return
        }
    }

    /// Called twice: before the rows, so that the counters exist in any case, and after them, when
    /// the completeness of the events is known. Their rows exist already, so they fit if the
    /// empty store did.
    private func writeCounters(_ damage: inout StoreDamage) throws(StoreFailure) {
        let isMissingEvents = tables[.events, default: StoreDamage.Count()].withoutRoom > 0
        damage.revision = highest + Salvage.margin
        damage.hasEventGap = isMissingEvents || !eventsAreWhole || eventFloor == nil
        let floor = damage.hasEventGap ? damage.revision : eventFloor ?? damage.revision
        try target.run(.setMeta, [.text("revision"), .revision(damage.revision)])
        try target.run(.setMeta, [.text("event_floor"), .revision(floor)])
        // The ids on unreadable pages are unknown.
        var forgotten = forgotten
        forgotten.isWhole = false
        try target.run(.setForgotten, [.blob(forgotten.bytes)])
    }

    /// The most important rows first, because space may run out: pods, then running operations,
    /// then history.
    private mutating func copyPods(_ damage: inout StoreDamage) throws(StoreFailure) {
        try copy(.pods)
        try target.run(.dropDoubledPods)
        var uids: Set<RecordID> = []
        var taken: Set<String> = []
        try target.run(.pods) { row in
            if let uid = row.id(0) { uids.insert(uid) }
            taken.insert(row.text(1))
        }
        for pod in adopted where !uids.contains(pod.uid) {
            let name = names[pod.uid].map(\.name) ?? pod.name
            let isFree = taken.insert(name).inserted
            let record = PodRecord(
                uid: pod.uid, name: isFree ? name : pod.name, document: pod.document)
            try put([.pod(record)], .pods)
            if !isFull { damage.adopted += 1 }
        }
    }

    private mutating func copyHistory() throws(StoreFailure) {
        try copy(.operations) { if case .operation(true, _, _) = $0 { true } else { false } }
        try copy(.operations, newestFirst: true) {
            if case .operation(false, _, _) = $0 { true } else { false }
        }
        try copy(.aliases)
        if !isFull { isFull = try !didPutObjects() }
        try copy(.events, newestFirst: true)
    }

    private mutating func copy(
        _ table: StoreTable, newestFirst: Bool = false,
        where isMeant: (SalvagedRow) -> Bool = { _ in true }
    ) throws(StoreFailure) {
        let leaves = (leaves[table] ?? []).sorted {
            newestFirst ? $0.rowid > $1.rowid : $0.rowid < $1.rowid
        }
        for leaf in leaves {
            let rows = image.rows(on: leaf.page).map(\.row)
            try put(rows.filter { $0.table == table && isMeant($0) }, table)
        }
    }

    /// Stores a page's rows at once; if they do not fit, one by one as long as each fits.
    private mutating func put(_ rows: [SalvagedRow], _ table: StoreTable) throws(StoreFailure) {
        if !isFull, try didPut(rows) { return }
        for row in rows {
            if !isFull, try didPut([row]) { continue }
            isFull = true
            tables[table, default: StoreDamage.Count()].withoutRoom += 1
        }
    }

    private func didPut(_ rows: [SalvagedRow]) throws(StoreFailure) -> Bool {
        try didPut { () throws(StoreFailure) in
            for row in rows { try target.run(row.query, row.values) }
        }
    }

    private func didPutObjects() throws(StoreFailure) -> Bool {
        try didPut { () throws(StoreFailure) in
            for row in objects { try target.run(.putMeta, [.text(row.key), row.value]) }
        }
    }

    /// `false` if there is no space.
    private func didPut(
        _ body: () throws(StoreFailure) -> Void
    ) throws(StoreFailure) -> Bool {
        do throws(StoreFailure) {
            try target.transaction(body)
            return true
        } catch {
            guard case .full = error else { throw error }
            return false
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
        }
    }

    fileprivate var values: [Value] {
        switch self {
        case .pod(let pod): [.id(pod.uid), .text(pod.name), .blob(pod.document)]
        case .operation(_, _, let values): values
        case .alias(let alias):
            [
                .id(alias.id), .id(alias.operation),
                .integer(Int64(bitPattern: alias.fingerprint)), .integer(alias.createdAt),
            ]
        case .event(let event): [.revision(event.revision), .blob(event.document)]
        }
    }
}
