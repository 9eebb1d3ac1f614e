// A store of schema 1, as a daemon left it before the order of creation had a column.

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
            id: id(number), kind: "x", removes: false, podUID: id(0), podName: "p",
            revision: UInt64(number), creation: 1,
            document: number % 100 == 0 ? document(number, 50) : Array(text.utf8),
            ending: number % 7 == 0 ? nil : .init(finishedAt: 1, tombstone: Array(text.utf8)))
    }

    private func expected(_ count: Int) -> [RecordID] {
        (1...count).map { ($0, $0 % 100 == 0 ? $0 : count - $0 + 1) }
            .sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map { id($0.0) }
    }

    private func makeVersion1(_ count: Int) throws {
        let store = try Store(path: scratch.path)
        try store.commit(
            change(count) { $0.operations = (1...count).map { operation($0, of: count) } })
        try store.connection.execute(
            """
            DROP INDEX operations_by_creation; DROP INDEX running_by_creation;
            ALTER TABLE operations DROP COLUMN creation;
            CREATE TABLE exits(task_uid BLOB PRIMARY KEY) STRICT; PRAGMA user_version = 1;
            """)
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
        do {
            let store = try Store(path: scratch.path)
            try store.commit(change(1) { $0.operations = [operation(1, of: 1)] })
            try store.connection.execute(
                """
                CREATE TABLE exits(task_uid BLOB PRIMARY KEY) STRICT;
                INSERT INTO meta VALUES ('boot', ''); PRAGMA user_version = 2;
                """)
        }
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

    /// A salvage takes the first page of the events from a new store.
    @Test func theEventsHaveTheRootPageOfANewStore() throws {
        try makeVersion1(500)
        let other = try Scratch()
        func roots(_ path: String) throws -> String {
            try Store(path: path).connection.text(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'events'")
        }
        #expect(try roots(scratch.path) == roots(other.path))
    }

    @Test func aDamagedStoreOfVersion1IsSalvagedInOrder() throws {
        try makeVersion1(500)
        var bytes = try scratch.bytes()
        bytes[0] ^= 0xff
        try scratch.write(bytes)
        let (store, damage) = try Store.opening(path: scratch.path)
        #expect(damage?.tables[.operations]?.kept == 500)
        try check(store, 500)
    }
}
