// One page of a table or of an index, taken apart alone: nothing above it has to be whole
// (https://www.sqlite.org/fileformat.html, sections 1.6 and 2.1).

/// What is written in one place of a page, before it is known to be a row of ours.
struct Cell {
    /// Of a table's row; 0 in an index.
    let rowid: Int64
    let values: [Value]
}

struct TreePage {
    enum Kind {
        case tableLeaf
        /// Leaf or not: an index has its keys in both.
        case index
        /// Leads to others, and holds nothing.
        case tableNode
    }

    let kind: Kind
    let cells: [Cell]
    /// Cells that are there and cannot be read.
    let unreadable: Int

    /// `nil` where the bytes are no page of a tree.
    init?(_ bytes: [UInt8], overflow: (Int) -> [UInt8]?) {
        guard let (kind, head) = TreePage.kind(bytes) else { return nil }
        let count = bytes.big16(3)
        let content = head + 2 * count
        guard content <= bytes.count, bytes.big16(1) < bytes.count else { return nil }
        var cells: [Cell] = []
        var unreadable = 0
        for index in 0..<(kind == .tableNode ? 0 : count) {
            let start = bytes.big16(head + 2 * index)
            let child = head == 12 ? 4 : 0
            let cell =
                start < content
                ? nil : Cell(bytes, at: start + child, isRow: kind == .tableLeaf, overflow)
            if let cell { cells.append(cell) } else { unreadable += 1 }
        }
        self.kind = kind
        self.cells = cells
        self.unreadable = unreadable
    }

    /// The kind, and where the list of cells starts.
    private static func kind(_ bytes: [UInt8]) -> (Kind, head: Int)? {
        switch bytes[0] {
        case 0x0d: (.tableLeaf, 8)
        case 0x0a: (.index, 8)
        case 0x02: (.index, 12)
        case 0x05: (.tableNode, 12)
        default: nil
        }
    }
}

extension Cell {
    /// Bytes of a payload that stay on a page of 4096, at most and at least, where the rest of it
    /// goes to pages of its own.
    private static let rowLimit = 4096 - 35
    private static let keyLimit = (4096 - 12) * 64 / 255 - 23
    private static let least = (4096 - 12) * 32 / 255 - 23
    private static let perOverflow = 4096 - 4
    /// No record is anywhere near 16 MiB, and a damaged length must not ask for memory.
    private static let longest: Int64 = 1 << 24

    fileprivate init?(
        _ page: [UInt8], at start: Int, isRow: Bool, _ overflow: (Int) -> [UInt8]?
    ) {
        var at = start
        guard let size = page.varint(at: &at), 1...Cell.longest ~= size else { return nil }
        rowid = isRow ? page.varint(at: &at) ?? 0 : 0
        let limit = isRow ? Cell.rowLimit : Cell.keyLimit
        let total = Int(size)
        let spill = Cell.least + (total - Cell.least) % Cell.perOverflow
        let here = total <= limit ? total : spill <= limit ? spill : Cell.least
        guard at + here <= page.count else { return nil }
        var payload = Array(page[at..<at + here])
        if here < total {
            guard at + here + 4 <= page.count else { return nil }
            var next = page.big32(at + here)
            while payload.count < total {
                guard let more = overflow(next) else { return nil }
                payload += more[4..<4 + min(Cell.perOverflow, total - payload.count)]
                next = more.big32(0)
            }
            guard next == 0 else { return nil }
        }
        guard let values = Cell.values(payload) else { return nil }
        self.values = values
    }

    /// A record: the types of its columns, then the columns, and not a byte beyond.
    private static func values(_ payload: [UInt8]) -> [Value]? {
        var at = 0
        guard let head = payload.varint(at: &at), 1...payload.count ~= Int(head) else { return nil }
        var values: [Value] = []
        var column = Int(head)
        while at < Int(head) {
            guard values.count < 16, let type = payload.varint(at: &at),
                let value = value(type, payload, &column)
            else { return nil }
            values.append(value)
        }
        return at == Int(head) && column == payload.count ? values : nil
    }

    private static func value(_ type: Int64, _ bytes: [UInt8], _ at: inout Int) -> Value? {
        func take(_ length: Int64) -> ArraySlice<UInt8>? {
            guard length <= bytes.count - at else { return nil }
            defer { at += Int(length) }
            return bytes[at..<at + Int(length)]
        }
        switch type {
        case 0: return .null
        case 1...6:
            let slice = take(type < 5 ? type : type == 5 ? 6 : 8)
            return slice.map { bytes in
                let sign: Int64 = bytes.first.map { $0 > 0x7f ? -1 : 0 } ?? 0
                return .integer(bytes.reduce(sign) { $0 << 8 | Int64($1) })
            }
        case 8, 9: return .integer(type - 8)
        case 12... where type % 2 == 0: return take((type - 12) / 2).map { .blob(Array($0)) }
        case 12...:
            return take((type - 13) / 2)
                .flatMap { String(validating: $0, as: UTF8.self) }.map(Value.text)
        default: return nil
        }
    }
}
