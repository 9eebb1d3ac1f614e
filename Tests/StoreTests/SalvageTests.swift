// A damaged store: only the damaged records suffer, and the store reports that.

import Foundation
import Testing

@testable import Store

@Suite struct SalvageTests {
    static let specimen = Result { try Specimen(isClosed: true) }
    let specimen: Specimen
    init() throws { specimen = try SalvageTests.specimen.get() }

    /// Opens a store of these bytes and checks it. Only rows on `touched` bytes may be gone, and
    /// the other rows are unchanged. The counter has not gone back, and the next opening finds
    /// nothing to repair.
    func expectSalvage(
        _ file: [UInt8], log: [UInt8] = [], of specimen: Specimen, touched: Set<[UInt8]>,
        isDamage: Bool? = true, _ what: String
    ) throws {
        let scratch = try Scratch()
        try scratch.write(file)
        if !log.isEmpty { try scratch.write(log, "-wal") }
        let (found, damage) = try opened(scratch)
        let lost = Set(specimen.rows.keys).subtracting(found.rows.keys)
        #expect(lost.isSubset(of: touched), "\(what): lost \(names(lost.subtracting(touched)))")
        // A record that was overwritten in its middle counts as another record.
        let changed = found.rows.filter { $0.value != specimen.rows[$0.key] }
        #expect(changed.count <= touched.count, "\(what): \(names(changed.keys)) were not there")
        for mark in changed.keys where specimen.rows[mark] != nil {
            #expect(touched.contains(mark), "\(what): \(names([mark])) is not what it was")
        }
        if let isDamage {
            #expect((damage != nil) == isDamage, "\(what): \(String(describing: damage))")
        }
        guard let damage else { return }
        #expect(found.revision >= specimen.revision, "\(what)")
        #expect(damage.revision == found.revision)
        #expect(found.floor == (damage.hasEventGap ? found.revision : 0), "\(what)")
        if lost.contains(where: { $0.starts(with: Array("<e".utf8)) }) {
            #expect(damage.hasEventGap, "\(what)")
        }
        #expect(
            try Array(Data(contentsOf: URL(fileURLWithPath: damage.setAside))) == file, "\(what)")
        if !log.isEmpty {
            let kept = try Data(contentsOf: URL(fileURLWithPath: damage.setAside + "-wal"))
            #expect(Array(kept) == log, "\(what)")
        }
        let kept = damage.tables.values.reduce(0) { $0 + $1.kept }
        #expect(kept == found.rows.count, "\(what)")
        let (again, nothing) = try opened(scratch)
        #expect(nothing == nil, "\(what): again \(String(describing: nothing))")
        #expect(again.rows == found.rows && again.revision == found.revision, "\(what)")
    }

    struct Found {
        let rows: Specimen.Rows
        let revision: UInt64
        let floor: UInt64
    }

    func opened(_ scratch: Scratch) throws -> (Found, StoreDamage?) {
        let (store, damage) = try Store.opening(path: scratch.path)
        let found = Found(
            rows: try Specimen.rows(of: store), revision: try store.revision(),
            floor: try store.eventFloor())
        return (found, damage)
    }

    func names(_ marks: some Sequence<[UInt8]>) -> [String] {
        marks.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    @Test func aWholeStoreIsOpenedAsItIs() throws {
        try expectSalvage(
            specimen.file, of: specimen, touched: [], isDamage: false, "nothing was done to it")
        try #require(specimen.pageCount > 100 && specimen.rows.count == 50 * 15)
    }

    /// At the pages' ends, and in the middle of them.
    @Test(arguments: [0, 1, 2049, 4095])
    func aTruncatedStoreKeepsTheRowsBeforeTheCut(odd: Int) throws {
        let some = places(0..<specimen.pageCount, every: odd == 0 ? 5 : 30)
        for page in some + [specimen.pageCount - 1] {
            let length = page * Specimen.pageSize + odd
            guard length > 0 else { continue }
            try expectSalvage(
                Array(specimen.file[..<length]), of: specimen,
                touched: specimen.rows(onPages: page + 1...specimen.pageCount),
                "\(length) bytes left")
        }
    }

    /// Nothing of the file is left to show how far its counter had come.
    @Test func anEmptyFileIsANewStore() throws {
        let scratch = try Scratch()
        try scratch.write([])
        #expect(try opened(scratch).1 == nil)
    }

    @Test func aStumpBecomesANewStoreAndIsReported() throws {
        let scratch = try Scratch()
        try scratch.write([1, 2, 3])
        let (found, damage) = try opened(scratch)
        #expect(found.rows.isEmpty && damage != nil)
        #expect(found.revision == Salvage.margin && damage?.revision == Salvage.margin)
    }

    /// A page of zeros may pass for an empty page if SQLite does not check it: the last page of a
    /// long record, or a free page. Then there is no salvage, and no damage is reported.
    @Test func aPageOfZerosLosesOnlyItsOwnRows() throws {
        for page in firstAndSome {
            try overwrite(page, with: [UInt8](repeating: 0, count: Specimen.pageSize), "zeros")
        }
    }

    @Test(arguments: [1, 2])
    func aPageOfRandomBytesLosesOnlyItsOwnRows(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for page in firstAndSome {
            try overwrite(page, with: dice.bytes(Specimen.pageSize), "seed \(seed)")
        }
    }

    /// The header, the map, the roots of all trees, and others.
    var firstAndSome: [Int] {
        Array(1...15) + places(16..<specimen.pageCount + 1, every: 11)
    }

    func overwrite(_ page: Int, with bytes: [UInt8], _ what: String) throws {
        var file = specimen.file
        let start = (page - 1) * Specimen.pageSize
        file.replaceSubrange(start..<start + Specimen.pageSize, with: bytes)
        try expectSalvage(
            file, of: specimen, touched: specimen.rows(onPages: [page]), isDamage: nil,
            "page \(page): \(what)")
    }
}

extension SalvageTests {
    /// The length of one record is wrong. The file's header is wrong too, so that a salvage
    /// happens.
    @Test(arguments: [12, 13, 14, 20])
    func aRowThatCannotBeReadHidesNoOther(number: Int) throws {
        let mark = Array("<p\(number)>".utf8)
        var file = specimen.file
        let document = try #require(
            file.indices.first { file[$0...].starts(with: mark + mark) }, "\(number)")
        // Before the document are a name of three bytes, a uid of 16, and a header of five. Before
        // them are the record's length, of two bytes, and the row's number.
        let length = document - 3 - 16 - 5 - 2
        try #require(file[length - 1] & 0x80 != 0 && file[length + 1] == UInt8(number))
        file[length] -= 1
        file[0] ^= 0xff
        try expectSalvage(file, of: specimen, touched: [mark], "the record of pod \(number)")
        #expect(!specimen.onPage.contains { $0 == [mark] }, "alone on its page: a blind test")
    }

    /// Random bytes anywhere. In the middle of a record they may turn it into another record, which
    /// only its reader can detect. Elsewhere they take nothing.
    @Test(arguments: 1...4)
    func overwrittenBytesLoseOnlyTheirOwnRows(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for number in places(0..<160, every: 8) {
            var file = specimen.file
            let count = Int.random(in: 1...64, using: &dice)
            let isHead = number % 16 == 0
            let start = Int.random(in: 0..<(isHead ? 100 : file.count - 64), using: &dice)
            file.replaceSubrange(start..<start + count, with: dice.bytes(count))
            let pages = start / Specimen.pageSize + 1...(start + count - 1) / Specimen.pageSize + 1
            do {
                try expectSalvage(
                    file, of: specimen, touched: specimen.rows(onPages: pages), isDamage: nil,
                    "seed \(seed), \(number): \(count) bytes at \(start)")
            } catch StoreFailure.newerSchema {
                #expect((61 - count...63).contains(start), "the schema's number was not touched")
            }
        }
    }

    /// Deleted content on free pages is zeroed, so no list of free pages has to be intact: not the
    /// map on page 2, and not the list that the first page leads to.
    @Test(arguments: [1, 2, 40])
    func deletedRowsDoNotComeBack(page: Int) throws {
        let scratch = try Scratch()
        let kept: Specimen.Rows
        do {
            let store = try Store(path: scratch.path)
            try #require(store.connection.integer("PRAGMA secure_delete") == 1)
            for number in 1...100 {
                let text = Specimen.text("p", number, 900)
                try store.commit(
                    change(number) {
                        $0.pods = [PodRecord(uid: id(number), name: "n\(number)", document: text)]
                    })
            }
            try store.commit(change(101) { $0.removedPods = (20...80).map(id) })
            kept = try Specimen.rows(of: store)
            try #require(store.connection.integer("PRAGMA freelist_count") > 10)
        }
        var file = try scratch.bytes()
        let start = (page - 1) * Specimen.pageSize
        var dice = Dice(state: 9)
        if start < file.count { file.replaceSubrange(start..<start + 4096, with: dice.bytes(4096)) }
        try scratch.write(page == 40 ? Array(file.dropLast(4096)) : file)
        let (found, damage) = try opened(scratch)
        #expect(damage != nil)
        #expect(names(Set(found.rows.keys).subtracting(kept.keys)) == [])
    }
}
