// Stored values come out unchanged, a failed commit leaves nothing, and damage is reported.

import Foundation
import Testing

@testable import Store

@Suite struct StoreTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func everythingOfAChangeIsThereAfterReopening() throws {
        do {
            let store = try Store(path: scratch.path)
            try store.commit(
                change(7) {
                    $0.pods = [pod(2), pod(1)]
                    $0.operations = [removal(1), removal(2, endedAt: 5)]
                    $0.aliases = [alias(5, of: 1, fingerprint: .max)]
                    $0.events = [EventRecord(revision: 6, document: [1])]
                })
        }
        let store = try Store(path: scratch.path)
        #expect(try store.alias(id(5))?.operation == id(1_000_001))
        #expect(try store.alias(id(5))?.fingerprint == .max)
        #expect(try store.alias(id(6)) == nil)
        #expect(try store.pods() == [pod(1), pod(2)])
        #expect(try store.runningOperations() == [document(1, 1200)])
        #expect(
            try store.endedOperations(newest: 9)
                == [StoredOperation(document: document(2, 1200), isTombstone: false)])
        #expect(
            try store.events(after: 5, limit: 9) == [EventRecord(revision: 6, document: [1])])
        #expect(try store.revision() == 7)
    }

    @Test func aRecordIsReplacedAndRemoved() throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(1) { $0.pods = [pod(1), pod(2)] })
        try store.commit(
            change(2) {
                $0.pods = [PodRecord(uid: id(1), name: "pod-1", document: [7])]
                $0.removedPods = [id(2), id(3)]
            })
        #expect(
            try store.pods() == [PodRecord(uid: id(1), name: "pod-1", document: [7])])
    }

    @Test func aNamespaceReplacesTheEarlierHolderOfItsNumber() throws {
        let first = NamespaceRecord(inode: 4_026_532_180, document: [1])
        let other = NamespaceRecord(inode: .max, document: [2])
        let later = NamespaceRecord(inode: 4_026_532_180, document: [3])
        do {
            let store = try Store(path: scratch.path)
            #expect(try store.namespaces().isEmpty)
            try store.commit(change(1) { $0.namespaces = [first, other] })
            #expect(try store.namespaces() == [other, first])
            try store.commit(change(1) { $0.namespaces = [later] })
        }
        #expect(try Store(path: scratch.path).namespaces() == [other, later])
    }

    @Test func theRevisionNeverFalls() throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(9))
        try store.commit(change(3))
        #expect(try store.revision() == 9)
    }

    @Test(arguments: ["pods", "operations", "aliases", "events", "meta"])
    func aChangeThatFailsAnywhereLeavesNothing(table: String) throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(1) { $0.pods = [pod(1)] })
        let event = table == "meta" ? "UPDATE" : "INSERT"
        try store.connection.execute(
            """
            CREATE TEMP TRIGGER injected AFTER \(event) ON \(table)
            BEGIN SELECT raise(FAIL, 'injected'); END
            """)
        let whole = change(2) {
            $0.pods = [pod(2)]
            $0.removedPods = [id(1)]
            $0.operations = [removal(1)]
            $0.aliases = [alias(5, of: 1)]
            $0.events = [EventRecord(revision: 2, document: [])]
        }
        #expect(throws: StoreFailure.self) { try store.commit(whole) }
        try store.connection.execute("DROP TRIGGER injected")
        #expect(try store.pods() == [pod(1)])
        #expect(try store.runningOperations().isEmpty)
        #expect(try store.alias(id(5)) == nil)
        #expect(try store.oldestEvent() == nil)
        #expect(try store.revision() == 1)
        try store.commit(whole)
        #expect(try store.pods() == [pod(2)])
        #expect(try store.alias(id(5))?.operation == id(1_000_001))
    }

    @Test func theFirstAliasIsKept() throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(1) { $0.aliases = [alias(5, of: 1, fingerprint: 3)] })
        try store.commit(change(2) { $0.aliases = [alias(5, of: 2, fingerprint: 4)] })
        #expect(try store.alias(id(5))?.operation == id(1_000_001))
        #expect(try store.alias(id(5))?.fingerprint == 3)
    }

    @Test func aSecondEventOfOneRevisionIsRefused() throws {
        let store = try Store(path: scratch.path)
        let event = EventRecord(revision: 1, document: [1])
        try store.commit(change(1) { $0.events = [event] })
        #expect(throws: StoreFailure.self) {
            try store.commit(
                change(2) {
                    $0.pods = [pod(1)]
                    $0.events = [event]
                })
        }
        #expect(try store.pods().isEmpty)
    }

    @Test func aSecondOwnerIsRefused() throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(1))
        #expect(throws: StoreFailure.self) { try Store(path: scratch.path) }
        #expect(try store.revision() == 1)
    }

    @Test func aFullStoreReportsThatAndContinuesOnceThereIsRoom() throws {
        let store = try Store(path: scratch.path)
        try store.commit(change(1) { $0.pods = [pod(1)] })
        try store.connection.execute("PRAGMA max_page_count = 30")
        #expect(throws: StoreFailure.full) {
            try store.commit(change(2) { $0.pods = [pod(2), pod(3, size: 200_000)] })
        }
        #expect(try store.pods() == [pod(1)])
        try store.connection.execute("PRAGMA max_page_count = 100000")
        try store.commit(change(3) { $0.pods = [pod(3, size: 200_000)] })
        #expect(try store.pods().count == 2)
    }

    @Test(.enabled(if: getuid() == 0))
    func aFullFileSystemIsReportedAndTheStoreContinuesOnceThereIsRoom() throws {
        try scratch.system("mount", "-t", "tmpfs", "-o", "size=1m", "staunch", scratch.directory)
        defer { #expect(throws: Never.self) { try scratch.system("umount", scratch.directory) } }
        let ballast = URL(fileURLWithPath: scratch.directory + "/ballast")
        try Data(count: 600_000).write(to: ballast)
        let store = try Store(path: scratch.path)
        var kept = 0
        do throws(StoreFailure) {
            while true {
                try store.commit(change(kept + 1) { $0.pods = [pod(kept + 1, size: 9000)] })
                kept += 1
            }
        } catch { #expect(error == .full) }
        try #require(kept > 3)
        #expect(try store.pods().count == kept)
        #expect(try store.revision() == UInt64(kept))
        try FileManager.default.removeItem(at: ballast)
        try store.commit(change(kept + 1) { $0.pods = [pod(kept + 1, size: 9000)] })
        #expect(try store.pods().count == kept + 1)
    }
}
