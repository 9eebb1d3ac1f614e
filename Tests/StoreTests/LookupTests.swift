// Tombstones, retention and events.

import Testing

@testable import Store

@Suite struct LookupTests {
    let scratch: Scratch
    let store: Store
    init() throws {
        scratch = try Scratch()
        store = try Store(path: scratch.path)
    }

    static let everything = Retention(
        operationsKept: 1000, operationsSince: 0, tombstonesKept: 1000, tombstonesSince: 0,
        eventsKept: 1000)

    func prune(_ change: (inout Retention) -> Void) throws {
        var retention = LookupTests.everything
        change(&retention)
        while try store.prune(retention) {}
    }

    @Test func aRemovalIsFoundByUIDAndByTheNamesLastHolder() throws {
        try store.commit(Removals.change)
        try Removals.check(store)
    }

    /// A kind that this version does not have: it needs no column, and no name is mistaken.
    @Test func aRemovalIsNotTakenForOneOfAnotherKind() throws {
        try store.commit(Removals.change)
        try store.commit(
            change(12) {
                $0.operations = [
                    Removals.operation("net.delete", Removals.pod(10, "web"), 10),
                    Removals.operation("run.delete", Removals.task(11, "app", of: 2, "web"), 11),
                ]
            })
        try Removals.check(store)
        #expect(try store.removal("net.delete", of: "web")?.document == [10])
        #expect(try store.removal("run.delete", of: "app", in: id(2))?.document == [11])
        #expect(try store.removal(ofTarget: id(11))?.document == [11])
    }

    @Test func operationsBeyondTheCountBecomeTombstonesAndThenGo() throws {
        try store.commit(
            change(600) {
                $0.operations = (1...600).map { removal($0, endedAt: 1000) } + [removal(700)]
            })
        try prune {
            $0.operationsKept = 2
            $0.tombstonesKept = 3
        }
        let kept = try store.endedOperations(newest: 10)
        #expect(kept.map(\.isTombstone) == [false, false, true, true, true])
        #expect(kept[0].document == document(600, 1200))
        #expect(kept[2].document == document(-598, 300))
        #expect(try store.removal("pod.delete", of: "pod-598")?.isTombstone == true)
        #expect(try store.removal("pod.delete", of: "pod-595") == nil)
        #expect(try store.runningOperations().count == 1, "what runs is never pruned")
    }

    @Test func theListIsInTheOrderOfCreationBoundedAndToTheEnd() throws {
        func operation(_ number: Int) -> OperationRecord {
            OperationRecord(
                id: id(1000 - number), kind: "pod.stop", removes: false,
                target: RecordTarget(name: "p", uid: id(0)), revision: UInt64(10_000 + number),
                creation: UInt64(number * 10),
                document: document(number, 100),
                ending: number % 3 == 0 ? nil : .init(finishedAt: 1, tombstone: [1]))
        }
        try store.commit(change(20_000) { $0.operations = (1...600).reversed().map(operation) })
        try prune { $0.operationsKept = 300 }
        var seen: [RecordID] = []
        var after: UInt64 = 0
        while true {
            let some = try store.operations(after: after, limit: 7, bytes: 250, onlyRunning: false)
            #expect(some.count <= 7)
            guard let last = some.last else { break }
            seen += some.map(\.id)
            after = last.creation
        }
        #expect(seen == (1...600).map { id(1000 - $0) })
        let running = try store.operations(after: 30, limit: 2, bytes: 1, onlyRunning: true)
        #expect(running.map(\.id) == [id(994)], "the first comes whatever it weighs")
    }

    @Test func oldOperationsBecomeTombstonesAndThenGo() throws {
        try store.commit(
            change(4) { $0.operations = (1...4).map { removal($0, endedAt: Int64($0) * 10) } })
        try prune {
            $0.operationsSince = 40
            $0.tombstonesSince = 20
        }
        let kept = try store.endedOperations(newest: 10)
        #expect(kept.map(\.isTombstone) == [false, true, true])
    }

    /// Pruning continues at every commit while there is more, so it must report when there is
    /// nothing left.
    @Test func pruningTakesBatchesUntilTheLimitsHold() throws {
        var retention = LookupTests.everything
        retention.operationsKept = 300
        retention.eventsKept = 300
        func whole() throws -> Int {
            try store.endedOperations(newest: 2000).count { !$0.isTombstone }
        }
        try store.commit(
            change(900) {
                $0.operations = (1...900).map { removal($0, endedAt: 1) }
                $0.events = (1...900).map { EventRecord(revision: $0, document: []) }
            })
        #expect(try store.prune(retention) && whole() == 644)
        #expect(try store.prune(retention) && whole() == 388)
        #expect(try !store.prune(retention) && whole() == 300)
        #expect(try store.oldestEvent() == 601)
        // One operation that ended before, and one more.
        try store.commit(
            change(901) { $0.operations = [removal(900, endedAt: 1), removal(901, endedAt: 1)] })
        #expect(try !store.prune(retention) && whole() == 300)
    }

    @Test func aliasesArePrunedByCountInBatches() throws {
        try store.commit(change(1) { $0.aliases = (1...600).map { alias($0, of: 1) } })
        var retention = LookupTests.everything
        retention.tombstonesKept = 3
        #expect(try store.prune(retention))
        #expect(try store.alias(id(256)) == nil)
        #expect(try store.alias(id(257)) != nil)
        try prune { $0.tombstonesKept = 3 }
        #expect(try store.alias(id(597)) == nil)
        #expect(try store.alias(id(598)) != nil)
        #expect(try store.alias(id(600)) != nil)
    }

    @Test func aliasesArePrunedByAge() throws {
        try store.commit(
            change(1) { $0.aliases = (1...4).map { alias($0, of: 1, at: Int64($0) * 10) } })
        try prune { $0.tombstonesSince = 30 }
        #expect(try (1...4).map { try store.alias(id($0)) != nil } == [false, false, true, true])
    }

    @Test func eventsArePrunedFromTheOldestAndTheFloorSaysHowFar() throws {
        try store.commit(
            change(50) {
                $0.events = (1...5).map { EventRecord(revision: $0 * 10, document: []) }
            })
        #expect(try store.eventFloor() == 0)
        try prune { $0.eventsKept = 2 }
        #expect(try store.oldestEvent() == 40)
        #expect(try store.eventFloor() == 30)
        #expect(try store.events(after: 30, limit: 1).map(\.revision) == [40])
        #expect(try store.events(after: 40, limit: 9).map(\.revision) == [50])
    }

    @Test func prunedRoomGoesBackToTheFileSystem() throws {
        try store.commit(
            change(3000) { $0.operations = (1...3000).map { removal($0, endedAt: 1) } })
        try prune {
            $0.operationsSince = 2
            $0.tombstonesSince = 2
        }
        #expect(try store.connection.integer("PRAGMA page_count") < 100)
    }
}
