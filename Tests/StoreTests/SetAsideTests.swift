// Where a damaged store goes, and what happens to it without space or when the daemon dies.

import Foundation
import Testing

@testable import Store

@Suite struct SetAsideTests {
    let specimen: Specimen
    let scratch: Scratch
    let damaged: [UInt8]
    init() throws {
        specimen = try SalvageTests.specimen.get()
        scratch = try Scratch()
        damaged = Array(specimen.file[..<(Specimen.pageSize * 80)])
    }

    var names: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: scratch.directory).sorted()
        }
    }

    @Test func theNewestFilesAreKeptUnderTheirOwnNumbers() throws {
        for number in 1...7 {
            try scratch.write(Array("damaged \(number)".utf8))
            let (_, damage) = try Store.opening(path: scratch.path)
            #expect(damage?.setAside == scratch.path + ".damaged-\(number)")
            #expect(damage?.found.isEmpty == false)
        }
        #expect(try names == ["store"] + (4...7).map { "store.damaged-\($0)" })
        #expect(try scratch.bytes(".damaged-5") == Array("damaged 5".utf8))
    }

    @Test func aNewerSchemaIsNoDamage() throws {
        do {
            let other = try Connection(path: scratch.path)
            try other.execute("PRAGMA user_version = 9")
        }
        let before = try scratch.bytes()
        #expect(throws: StoreFailure.newerSchema(found: 9, known: Schema.version)) {
            _ = try Store.opening(path: scratch.path)
        }
        #expect(try scratch.bytes() == before)
        #expect(try names == ["store"])
    }

    @Test func anotherOwnersStoreIsNoDamage() throws {
        let owner = try Store(path: scratch.path)
        try owner.commit(change(1))
        #expect(throws: StoreFailure.self) { _ = try Store.opening(path: scratch.path) }
        #expect(try names == ["store", "store-wal"])
        #expect(try owner.revision() == 1)
    }

    /// A pod that is known by its folder is never forgotten with its record. It keeps its name, as
    /// an operation contains it, unless another pod has that name.
    @Test func aPodWithoutARecordIsAdopted() throws {
        func adopted(_ number: Int) -> PodRecord {
            PodRecord(uid: id(number), name: "uid-\(number)", document: [])
        }
        do {
            let store = try Store(path: scratch.path)
            try store.commit(
                change(9) {
                    $0.namespaces = [NamespaceRecord(inode: 7, document: [8])]
                    $0.pods = [pod(1), PodRecord(uid: id(5), name: "pod-4", document: [1])]
                    $0.operations = [
                        removal(1), removal(2, endedAt: 1), removal(3, revision: 2), removal(4),
                    ]
                })
            _ = try Store.opening(path: scratch.directory + "/other") {
                Issue.record("asked without damage")
                return []
            }
        }
        var bytes = try scratch.bytes()
        bytes[0] ^= 0xff
        try scratch.write(bytes)
        let (store, damage) = try Store.opening(path: scratch.path) { (1...6).map(adopted) }
        #expect(damage?.adopted == 4 && damage?.tables[.pods]?.kept == 6)
        #expect(damage?.description.contains("4 pods adopted") == true)
        let expected = [
            pod(1), PodRecord(uid: id(2), name: "pod-2", document: []),
            PodRecord(uid: id(3), name: "pod-3", document: []), adopted(4),
            PodRecord(uid: id(5), name: "pod-4", document: [1]), adopted(6),
        ]
        #expect(try store.pods() == expected)
        #expect(try store.namespaces() == [NamespaceRecord(inode: 7, document: [8])])
    }

    @Test func aFolderInItsPlaceIsSetAside() throws {
        try FileManager.default.createDirectory(
            atPath: scratch.path, withIntermediateDirectories: false)
        let (store, damage) = try Store.opening(path: scratch.path)
        #expect(damage != nil)
        try store.commit(change(2_000_000))
    }

    /// What a start leaves if it is killed between the moves of the files.
    @Test(arguments: 0...4)
    func anInterruptedSalvageIsContinued(moves: Int) throws {
        try scratch.write(damaged)
        try #require(try Store.opening(path: scratch.path).damage != nil)
        let salvaged = try scratch.bytes()
        for name in try names {
            try FileManager.default.removeItem(atPath: scratch.directory + "/" + name)
        }
        try scratch.write([1], moves < 2 ? "-wal" : ".damaged-1-wal")
        try scratch.write(damaged, moves < 3 ? "" : ".damaged-1")
        try scratch.write(salvaged, moves == 0 ? ".salvaging" : moves < 4 ? ".salvaged" : "")
        let (store, damage) = try Store.opening(path: scratch.path)
        #expect((damage == nil) == (moves == 4))
        #expect(try store.pods().count > 20)
        #expect(try store.revision() >= specimen.revision)
        #expect(try !names.contains { $0.contains("salvag") || $0.contains("reserve") })
        let aside = try names.filter { $0.contains("damaged") }.map {
            try scratch.bytes("." + $0.dropFirst("store.".count))
        }
        #expect(Set(aside) == [damaged, [1]], "nothing of the old store is thrown away")
    }

    @Test(.enabled(if: getuid() == 0), arguments: [0, 100, 300])
    func withLittleRoomPodsAreSalvagedFirst(more: Int) throws {
        try onSmallFileSystem(specimen.file.count / 1024 + 300 + more) {
            let before = Array(specimen.file.dropLast(4096))
            try scratch.write(before)
            let (store, damage) = try Store.opening(path: scratch.path)
            #expect(damage?.ranOutOfRoom == true, "\(String(describing: damage))")
            #expect(try store.pods().count == 50)
            #expect(try scratch.bytes(".damaged-1") == before)
            #expect(damage?.hasEventGap == true)
            // Some ten pages, which is more than the space that the last row did not fit into.
            try store.commit(
                change(3_000_000) { $0.pods = (200..<215).map { pod($0, size: 900) } })
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func withoutRoomTheDamagedFileStaysInItsPlace() throws {
        try onSmallFileSystem(specimen.file.count / 1024 + 8) {
            try scratch.write(damaged)
            let ballast = scratch.directory + "/ballast"
            try? Data(count: 4 << 20).write(to: URL(fileURLWithPath: ballast))
            #expect(throws: StoreFailure.full) { _ = try Store.opening(path: scratch.path) }
            #expect(try scratch.bytes() == damaged)
            #expect(try names == ["ballast", "store"])
        }
        try scratch.write(damaged)
        #expect(try Store.opening(path: scratch.path).damage != nil)
    }

    func onSmallFileSystem(_ kilobytes: Int, _ body: () throws -> Void) throws {
        try scratch.system(
            "mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "staunch", scratch.directory)
        // The store is closed at the end of `body`. If it is not, a lazy unmount still does not
        // block.
        defer {
            #expect(throws: Never.self) { try scratch.system("umount", "-l", scratch.directory) }
        }
        try body()
    }
}
