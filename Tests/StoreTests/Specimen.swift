// A store whose every row is recognizable by its bytes. So a test knows the rows of each page
// without asking the code that it tests.

import Foundation

@testable import Store

/// STAUNCH_TEST_DEPTH=full: eight times as many places. Every single byte of a log would take
/// hours.
func places(_ range: Range<Int>, every step: Int) -> [Int] {
    let isDeep = ProcessInfo.processInfo.environment["STAUNCH_TEST_DEPTH"] == "full"
    let pace = isDeep ? max(1, step / 8) : step
    return Array(stride(from: range.lowerBound, to: range.upperBound, by: pace))
}

/// Numbers that are the same in every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<(count + 7) / 8).flatMap { _ in
            let word = next()
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
        }.prefix(count).map(\.self)
    }
}

struct Specimen: Sendable {
    /// The content, keyed by bytes that only this row's pages contain.
    typealias Rows = [[UInt8]: [UInt8]]
    static let pageSize = 4096

    let file: [UInt8]
    let log: [UInt8]
    let rows: Rows
    let revision: UInt64
    /// The rows on each page of the file, and in each frame of the log's last generation.
    let onPage: [Set<[UInt8]>]
    let inFrame: [Set<[UInt8]>]
    /// Whether each frame ends a commit.
    let endsCommit: [Bool]

    /// 50 pods, 300 operations, and their other rows. If `isClosed`, the file contains all of them;
    /// otherwise only the log contains the last changes.
    init(isClosed: Bool) throws {
        let scratch = try Scratch()
        var rows: Rows = [:]
        do {
            let store = try Store(path: scratch.path)
            for step in 1...50 { try store.commit(Specimen.step(step)) }
            // The log begins anew, over its old content.
            try store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            if !isClosed { for step in 51...57 { try store.commit(Specimen.step(step)) } }
            rows = try Specimen.rows(of: store)
            revision = try store.revision()
            file = try scratch.bytes()
            log = isClosed ? [] : try scratch.bytes("-wal")
        }
        self.rows = rows
        let pageSize = Specimen.pageSize
        onPage = stride(from: 0, to: file.count, by: pageSize).map { [file] start in
            Specimen.marks(in: file[start..<start + pageSize], of: rows)
        }
        let starts = stride(from: SavedLog.headSize, to: log.count, by: SavedLog.frameSize)
        let salt = log.dropFirst(16).prefix(8)
        inFrame = starts.filter { [log] in log[$0 + 8..<$0 + 16] == salt }.map { [log] start in
            Specimen.marks(in: log[start..<start + SavedLog.frameSize], of: rows)
        }
        endsCommit = starts.map { [log] start in log[start + 4..<start + 8].contains { $0 > 0 } }
    }

    /// Pod `step`, six operations, two aliases, six events. Every ninth document needs overflow
    /// pages; every fifth operation runs.
    private static func step(_ step: Int) -> StoreChange {
        change(step * 10) {
            $0.pods = [
                PodRecord(uid: id(step), name: "n\(step)", document: text("p", step, long(step)))
            ]
            for number in step * 6 - 5...step * 6 {
                let hasEnded = number % 5 != 0
                let isTask = number % 3 == 0
                $0.operations.append(
                    OperationRecord(
                        id: id(1_000_000 + number), kind: isTask ? "task.delete" : "pod.delete",
                        removes: number % 2 == 0,
                        target: isTask
                            ? RecordTarget(
                                part: "app", uid: id(2_000_000 + number), of: "n\(step)",
                                ownerUID: id(step))
                            : RecordTarget(name: "n\(step)", uid: id(step)),
                        revision: UInt64(step * 10 + number % 6), creation: UInt64(number),
                        document: text("o", number, long(number)),
                        ending: hasEnded
                            ? .init(finishedAt: Int64(number), tombstone: text("t", number, 90))
                            : nil))
                $0.events.append(
                    EventRecord(revision: UInt64(number), document: text("e", number, 120)))
            }
            $0.aliases = [alias(step * 2, of: step), alias(step * 2 + 1, of: step)]
        }
    }

    private static func long(_ number: Int) -> Int {
        number % 9 == 0 ? 6000 : 400 + number % 7 * 90
    }

    /// `<p17>`, repeated.
    static func text(_ kind: String, _ number: Int, _ size: Int) -> [UInt8] {
        let mark = Array("<\(kind)\(number)>".utf8)
        return (0..<size).map { mark[$0 % mark.count] }
    }

    static func rows(of store: Store) throws -> Rows {
        var rows: Rows = [:]
        let documents =
            try store.pods().map(\.document) + store.runningOperations()
            + store.endedOperations(newest: .max).map(\.document)
            + store.events(after: 0, limit: .max).map(\.document)
        for document in documents {
            let end = document.firstIndex(of: UInt8(ascii: ">")) ?? 0
            rows[Array(document[...end])] = document
        }
        for number in 1...200 {
            guard let found = try store.alias(id(number)) else { continue }
            // These bytes are adjacent in the row, and nowhere else.
            let mark = id(number).bytes + found.operation.bytes
            rows[mark] = mark
        }
        return rows
    }

    /// The rows that are at least partly on these pages of the file.
    func rows(onPages pages: some Sequence<Int>) -> Set<[UInt8]> {
        pages.reduce(into: []) { $0.formUnion(onPage[$1 - 1]) }
    }

    var pageCount: Int { onPage.count }

    /// The rows with a mark in these bytes: a mark in angle brackets, or 32 bytes of two ids.
    private static func marks(in bytes: ArraySlice<UInt8>, of rows: Rows) -> Set<[UInt8]> {
        var found: Set<[UInt8]> = []
        for start in bytes.indices {
            let length =
                if bytes[start] == UInt8(ascii: "<") {
                    (bytes[start...].prefix(9).firstIndex(of: UInt8(ascii: ">")) ?? start) - start
                        + 1
                } else if bytes[start] == 0x01 { 32 } else { 0 }
            guard length > 1, start + length <= bytes.endIndex else { continue }
            let mark = Array(bytes[start..<start + length])
            if !found.contains(mark), rows[mark] != nil { found.insert(mark) }
        }
        return found
    }
}
