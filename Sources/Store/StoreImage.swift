// A damaged store as numbered pages, and what each of them is said to be.

/// The pages as SQLite would see them, the committed part of the log laid over the file.
struct StoreImage {
    let file: RawFile?
    let log: SavedLog
    /// Pages are numbered from 1; the last ones may be missing.
    let pageCount: Int

    static let pageSize = Int(Schema.pageSize)

    init(path: String) {
        let file = RawFile(path)
        let log = SavedLog(path + "-wal")
        self.file = file
        self.log = log
        let inFile = (file?.size ?? 0) / StoreImage.pageSize
        pageCount = log.pageCount ?? max(inFile, StoreImage.claimed(file))
    }

    /// What the file's own head says, where that is of any use: it is only asked how much is
    /// missing, and one gigabyte (2^18 pages) is more than ever was.
    private static func claimed(_ file: RawFile?) -> Int {
        guard let head = file?.bytes(at: 0, count: 100),
            head.starts(with: Array("SQLite format 3\0".utf8))
        else { return 0 }
        let count = head.big32(28)
        return count < 1 << 18 ? count : 0
    }

    func page(_ number: Int) -> [UInt8]? {
        if let offset = log.newest[number] { return log.page(at: offset) }
        return file?.bytes(at: (number - 1) * StoreImage.pageSize, count: StoreImage.pageSize)
    }
}

/// What SQLite keeps for `auto_vacuum`: of every page what it is, and whose. Every 820th page from
/// the second on is such a map of the 819 behind it.
struct PointerMap {
    enum Kind {
        case root
        case free
        case overflow
        case node(parent: Int)
        /// The map's page cannot be read.
        case unknown
    }

    private var kinds: [Kind]
    /// Pages of the map itself of which something cannot be read.
    private(set) var damaged = 0

    private static let perPage = 819

    static func isMap(_ page: Int) -> Bool { page >= 2 && (page - 2) % (perPage + 1) == 0 }

    init(_ image: StoreImage) {
        let count = image.pageCount
        kinds = Array(repeating: .unknown, count: count + 1)
        for map in stride(from: 2, through: count, by: PointerMap.perPage + 1) {
            let bytes = image.page(map)
            var isWhole = bytes != nil
            for page in map + 1..<max(map + 1, min(map + 1 + PointerMap.perPage, count + 1)) {
                let at = 5 * (page - map - 1)
                kinds[page] = bytes.map { PointerMap.kind($0, at, count) } ?? .unknown
                if case .unknown = kinds[page] { isWhole = false }
            }
            damaged += isWhole ? 0 : 1
        }
        addFreePages(image)
    }

    private static func kind(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Kind {
        let parent = bytes.big32(at + 1)
        switch (bytes[at], parent) {
        case (1, 0): return .root
        case (2, 0): return .free
        case (3, 1...count), (4, 1...count): return .overflow
        case (5, 1...count): return .node(parent: parent)
        default: return .unknown
        }
    }

    /// The list of free pages says it too: what was deleted must not come back from them.
    private mutating func addFreePages(_ image: StoreImage) {
        guard var trunk = image.page(1)?.big32(32) else { return }
        for _ in 0..<image.pageCount {
            guard trunk > 1, trunk <= image.pageCount, let page = image.page(trunk) else { return }
            let count = page.big32(4)
            guard count <= StoreImage.pageSize / 4 - 2 else { return }
            for free in [trunk] + (0..<count).map({ page.big32(8 + 4 * $0) })
            where kinds.indices.contains(free) {
                if case .unknown = kinds[free] { kinds[free] = .free }
            }
            trunk = page.big32(0)
        }
    }

    func kind(_ page: Int) -> Kind { kinds.indices.contains(page) ? kinds[page] : .unknown }

    /// The root of the tree that the page belongs to.
    func root(of page: Int) -> Int? {
        var page = page
        for _ in 0..<20 {  // deeper than any tree of pages
            switch kind(page) {
            case .root: return page
            case .node(let parent): page = parent
            case .free, .overflow, .unknown: return nil
            }
        }
        return nil
    }
}
