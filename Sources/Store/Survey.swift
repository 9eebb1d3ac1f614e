// First look at a damaged store: which pages have rows of which table, what its counters were, and
// what cannot be read. Rows are not kept here, so that memory is bounded by pages, not by records.

struct Survey {
    struct Leaf {
        let page: Int
        /// Of its first row.
        let rowid: Int64
    }

    private(set) var leaves: [StoreTable: [Leaf]] = [:]
    /// Pages of the indexes by which tables find their keys.
    private(set) var keyPages: [(table: StoreTable, page: Int)] = []
    private(set) var counters = Counters()
    /// Whether the counters stand on a page that counts, and not on an earlier version of it.
    private(set) var countersAreCurrent = false
    private(set) var pagesUnread = 0
    /// Rows that are damaged on a page that is not, and unreadable pages with events.
    private(set) var unreadable: [StoreTable: Int] = [:]
    private(set) var eventsAreWhole: Bool

    let image: StoreImage
    let map: PointerMap

    /// - Parameter roots: the first pages of the tables and of their keys' indexes. They are made
    ///   in one order and never move, so those of a new store are those of any.
    init(_ image: StoreImage, roots: [Int: (table: StoreTable, isKeys: Bool)]) {
        self.image = image
        map = PointerMap(image)
        eventsAreWhole = image.log.fault == nil && map.damaged == 0
        pagesUnread = map.damaged
        for page in 1..<max(1, image.pageCount + 1) where !PointerMap.isMap(page) {
            look(at: page, map.root(of: page).flatMap { roots[$0] })
        }
        countersAreCurrent = counters.revision != nil && image.log.fault == nil
        for offset in image.log.pages {
            guard let bytes = image.log.page(at: offset), let page = tree(bytes) else { continue }
            counters.see(page)
        }
    }

    private mutating func look(at number: Int, _ owner: (table: StoreTable, isKeys: Bool)?) {
        let isTree: Bool?
        switch map.kind(number) {
        case .free, .overflow: return
        case .root, .node: isTree = true
        // Where nobody knows what a page in the file is, it need not be one of a tree.
        case .unknown: isTree = nil
        }
        let bytes = image.page(number)
        // The first page starts with the file's head; it holds the schema, which is known.
        if number == 1, bytes != nil { return }
        guard let page = bytes.flatMap(tree) else {
            guard isTree == true || bytes == nil else { return }
            pagesUnread += 1
            // A page of the tables' own tree or of another index holds no event.
            if owner.map({ $0.table == .events }) ?? true { eventsAreWhole = false }
            if owner?.table == .events { unreadable[.events, default: 0] += 1 }
            return
        }
        counters.see(page)
        if page.kind == .index, let owner, owner.isKeys { keyPages.append((owner.table, number)) }
        if page.kind == .tableLeaf { add(page, number, owner?.table) }
    }

    private mutating func add(_ page: TreePage, _ number: Int, _ owner: StoreTable?) {
        var tables: Set<StoreTable> = []
        var odd = page.unreadable
        for cell in page.cells {
            guard let row = SalvagedRow(cell) else {
                odd += 1
                continue
            }
            counters.see(row.revision)
            guard tables.insert(row.table).inserted else { continue }
            leaves[row.table, default: []].append(Leaf(page: number, rowid: cell.rowid))
        }
        guard odd > 0, let table = owner ?? tables.first else { return }
        unreadable[table, default: 0] += odd
        if table == .events { eventsAreWhole = false }
    }

    private func tree(_ bytes: [UInt8]) -> TreePage? {
        TreePage(bytes) { number in
            switch map.kind(number) {
            case .overflow, .unknown: image.page(number)
            case .root, .free, .node: nil
            }
        }
    }

    func rows(on page: Int) -> [SalvagedRow] {
        (image.page(page).flatMap(tree)?.cells ?? []).compactMap { SalvagedRow($0) }
    }

    /// The keys that a page of an index names; any other index has other columns.
    func keys(on page: Int) -> [RecordID] {
        (image.page(page).flatMap(tree)?.cells ?? []).compactMap { cell in
            guard cell.values.count == 2, case .integer = cell.values[1] else { return nil }
            return cell.values[0].asID
        }
    }
}

/// What the table `meta` says.
struct Counters {
    private(set) var revision: UInt64?
    private(set) var eventFloor: UInt64?
    private(set) var boot: String?
    private(set) var forgotten: ForgottenTimes?
    /// The highest revision of all that were seen.
    private(set) var highest: UInt64 = 0

    mutating func see(_ revision: UInt64) { highest = max(highest, revision) }

    /// The first version seen stands, but for the highest revision.
    mutating func see(_ page: TreePage) {
        guard page.kind == .index else { return }
        for cell in page.cells where cell.values.count == 2 {
            switch (cell.values[0], cell.values[1]) {
            case (.text("revision"), let value):
                guard let value = value.asRevision else { continue }
                see(value)
                revision = revision ?? value
            case (.text("event_floor"), let value): eventFloor = eventFloor ?? value.asRevision
            case (.text("boot"), .text(let text)):
                if !text.isEmpty { boot = boot ?? text }
            case (.text("forgotten"), .blob(let bytes)):
                forgotten = forgotten ?? ForgottenTimes(bytes: bytes)
            case (.text("forgotten"), .integer(let time)):
                forgotten = forgotten ?? ForgottenTimes(until: time)
            default: continue
            }
        }
    }
}
