// Stores of earlier schemas, as daemons left them.

import Foundation
import Testing

@testable import Store

@Suite struct MigrationTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// Of the operations 1 to `count` the last was accepted first. Their documents contain this
    /// order, except every hundredth, which cannot be read.
    private func operation(_ number: Int, of count: Int) -> OperationRecord {
        let text = "{\"v\":1,\"order\":\(count - number + 1),\"rev\":\(number)}"
        return OperationRecord(
            id: id(number), kind: "pod.stop", removes: false,
            target: RecordTarget(name: "p", uid: id(0)), revision: UInt64(number), creation: 1,
            document: number % 100 == 0 ? document(number, 50) : Array(text.utf8),
            ending: number % 7 == 0 ? nil : .init(finishedAt: 1, tombstone: Array(text.utf8)))
    }

    private func expected(_ count: Int) -> [RecordID] {
        (1...count).map { ($0, $0 % 100 == 0 ? $0 : count - $0 + 1) }
            .sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map { id($0.0) }
    }

    private func makeVersion1(_ count: Int) throws {
        try FormerStore.make(
            1, scratch,
            change(count) { $0.operations = (1...count).map { operation($0, of: count) } })
    }

    private func listed(_ store: Store, onlyRunning: Bool = false) throws -> [ListedOperation] {
        try store.operations(after: 0, limit: .max, bytes: .max, onlyRunning: onlyRunning)
    }

    private let exits = "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'exits'"

    private func check(_ store: Store, _ count: Int) throws {
        #expect(try store.connection.integer(exits) == 0)
        #expect(try store.connection.integer("PRAGMA user_version") == Schema.version)
        let all = try listed(store).sorted {
            ($0.creation, $0.id.low) < ($1.creation, $1.id.low)
        }
        #expect(all.map(\.id) == expected(count))
        #expect(try listed(store, onlyRunning: true).count == count / 7)
    }

    @Test func theOrderOfCreationComesFromTheDocuments() throws {
        try makeVersion1(9000)
        try check(try Store(path: scratch.path), 9000)
        try check(try Store(path: scratch.path), 9000)
    }

    @Test func anInterruptedMigrationIsContinued() throws {
        try makeVersion1(500)
        do {
            let store = try Connection(path: scratch.path)
            try store.execute(
                """
                ALTER TABLE operations ADD COLUMN creation INTEGER;
                UPDATE operations SET creation = revision WHERE revision % 100 = 0;
                """)
        }
        try check(try Store(path: scratch.path), 500)
    }

    /// A daemon must start with any amount of free space.
    @Test(.enabled(if: getuid() == 0)) func withoutRoomAllButTheListWorks() throws {
        try scratch.system("mount", "-t", "tmpfs", "-o", "size=4m", "staunch", scratch.directory)
        defer { #expect(throws: Never.self) { try scratch.system("umount", scratch.directory) } }
        try makeVersion1(2000)
        let ballast = scratch.directory + "/ballast"
        #expect(throws: (any Error).self) {
            try scratch.system("head", "-c", "4M", "/dev/zero", to: ballast)
        }
        do {
            let store = try Store(path: scratch.path)
            #expect(throws: StoreFailure.full) { try store.commit(change(2000)) }
            try scratch.system("truncate", "-s", "-128K", ballast)
            #expect(throws: StoreFailure.full) { try listed(store) }
            #expect(try store.runningOperations().count == 2000 / 7)
            try store.commit(change(2001) { $0.operations = [removal(1, endedAt: 1)] })
            #expect(try store.removal(ofTarget: id(1)) != nil)
            try FileManager.default.removeItem(atPath: ballast)
            #expect(try listed(store).count == 2001)
        }
        let store = try Store(path: scratch.path)
        #expect(try store.connection.integer("PRAGMA user_version") == Schema.version)
        #expect(try listed(store).count == 2001)
    }

    /// A store of version 2, which had an unused table.
    @Test(.enabled(if: getuid() == 0)) func aTableWithoutRowsGoesOnceThereIsRoom() throws {
        try scratch.system("mount", "-t", "tmpfs", "-o", "size=1m", "staunch", scratch.directory)
        defer { #expect(throws: Never.self) { try scratch.system("umount", scratch.directory) } }
        try FormerStore.make(
            2, scratch, change(1) { $0.operations = [operation(1, of: 1)] })
        let ballast = scratch.directory + "/ballast"
        #expect(throws: (any Error).self) {
            try scratch.system("head", "-c", "1M", "/dev/zero", to: ballast)
        }
        for version in [2, Schema.version] {
            let store = try Store(path: scratch.path)
            #expect(try store.connection.integer("PRAGMA user_version") == version)
            #expect(try store.connection.integer(exits) == (version == 2 ? 2 : 0))
            #expect(try listed(store).map(\.id) == [id(1)])
            if version == 2 { try FileManager.default.removeItem(atPath: ballast) }
        }
    }

    /// Opened twice: the second time there is nothing to migrate.
    @Test(arguments: [1, 2, 3] as [Int64])
    func removalsAreFoundInAStoreOfAnEarlierVersion(version: Int64) throws {
        try FormerStore.make(version, scratch, Removals.change)
        for _ in 1...2 {
            let store = try Store(path: scratch.path)
            #expect(try store.connection.integer("PRAGMA user_version") == Schema.version)
            try Removals.check(store)
        }
        let other = try Scratch()
        func schema(_ path: String) throws -> String {
            try Store(path: path).connection.text(
                "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)")
        }
        #expect(try schema(scratch.path) == schema(other.path))
    }

    /// Without any space, and then with too little for the new indexes.
    @Test(.enabled(if: getuid() == 0), arguments: [2, 3] as [Int64])
    func withoutRoomTheFormerColumnsServe(version: Int64) throws {
        try scratch.system("mount", "-t", "tmpfs", "-o", "size=2m", "staunch", scratch.directory)
        defer { #expect(throws: Never.self) { try scratch.system("umount", scratch.directory) } }
        try FormerStore.make(version, scratch, Removals.change)
        let ballast = scratch.directory + "/ballast"
        #expect(throws: (any Error).self) {
            try scratch.system("head", "-c", "2M", "/dev/zero", to: ballast)
        }
        do {
            let store = try Store(path: scratch.path)
            #expect(try store.connection.integer("PRAGMA user_version") == version)
            try Removals.check(store)
            try scratch.system("truncate", "-s", "-256K", ballast)
            try store.commit(change(20) { $0.operations = [removal(30, endedAt: 1)] })
            var retention = LookupTests.everything
            retention.operationsKept = 0
            while try store.prune(retention) {}
            #expect(try store.removal("pod.delete", of: "pod-30")?.isTombstone == true)
        }
        try FileManager.default.removeItem(atPath: ballast)
        let store = try Store(path: scratch.path)
        #expect(try store.connection.integer("PRAGMA user_version") == Schema.version)
        #expect(try store.removal("pod.delete", of: "pod-30")?.isTombstone == true)
        #expect(try store.removal("task.delete", of: "app", in: id(2)) != nil)
    }

    /// A salvage takes the first page of the events from a new store.
    @Test(arguments: [1, 2, 3] as [Int64])
    func theEventsHaveTheRootPageOfANewStore(version: Int64) throws {
        try FormerStore.make(version, scratch, Removals.change)
        let other = try Scratch()
        func roots(_ path: String) throws -> String {
            try Store(path: path).connection.text(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'events'")
        }
        #expect(try roots(scratch.path) == roots(other.path))
    }

    private func salvaged() throws -> (store: Store, damage: StoreDamage?) {
        var bytes = try scratch.bytes()
        bytes[0] ^= 0xff
        try scratch.write(bytes)
        return try Store.opening(path: scratch.path)
    }

    @Test func aDamagedStoreOfVersion1IsSalvagedInOrder() throws {
        try makeVersion1(500)
        let (store, damage) = try salvaged()
        #expect(damage?.tables[.operations]?.kept == 500)
        try check(store, 500)
    }

    @Test(arguments: [1, 2, 3] as [Int64])
    func aDamagedStoreOfAnEarlierVersionKeepsItsRemovals(version: Int64) throws {
        try FormerStore.make(version, scratch, Removals.change)
        let (store, damage) = try salvaged()
        #expect(damage?.tables[.operations]?.kept == Removals.change.operations.count)
        try Removals.check(store)
    }
}
