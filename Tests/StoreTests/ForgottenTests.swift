// The record of forgotten ids: it tells that an id is no longer kept after its record has gone.

import Testing

@testable import Store

@Suite struct ForgottenTests {
    let scratch: Scratch
    let store: Store
    init() throws {
        scratch = try Scratch()
        store = try Store(path: scratch.path)
    }

    private func prune(_ change: (inout Retention) -> Void) throws {
        var retention = LookupTests.everything
        change(&retention)
        while try store.prune(retention) {}
    }

    /// A UUIDv7 that contains `time`; a UUIDv4 if it is `nil`.
    private func timed(_ time: UInt64?) -> RecordID {
        guard let time else { return RecordID(high: 0x4000, low: 1) }
        return RecordID(high: time << 16 | 0x7000, low: 1)
    }

    private func ended(_ id: RecordID, _ revision: UInt64, at uptime: Int64) -> OperationRecord {
        OperationRecord(
            id: id, kind: "pod.delete", removes: true,
            target: RecordTarget(name: "web", uid: id), revision: revision, creation: revision,
            document: [1],
            ending: .init(finishedAt: uptime, tombstone: [2]))
    }

    private func commit(_ times: [UInt64?]) throws {
        try store.commit(
            change(times.count) {
                $0.operations = times.enumerated().map { index, time in
                    ended(timed(time), UInt64(index + 1), at: Int64(index + 1) * 10)
                }
            })
    }

    @Test func prunedOperationsLeaveTheTimesOfTheirIDs() throws {
        try commit([100, 300, 200, 400, 500])
        try prune { $0.operationsKept = 0 }
        #expect(try store.forgotten() == nil)
        try prune { $0.tombstonesSince = 30 }
        #expect(try store.forgotten()?.spans == [100...100, 300...300])
        try prune { $0.tombstonesKept = 2 }
        let times = try #require(try store.forgotten())
        #expect([100, 200, 300].allSatisfy { times.contains($0) })
        #expect(!times.contains(400))
        #expect(try store.operation(timed(400)) != nil)
    }

    /// An older daemon wrote wall clock time. The uptime of another boot may be any number.
    @Test func aFutureTimeCountsFromTheOwnersStart() throws {
        try store.commit(
            change(3) {
                $0.operations = [
                    ended(timed(100), 1, at: 1_767_225_600_000), ended(timed(200), 2, at: 40),
                ]
                $0.aliases = [
                    AliasRecord(
                        id: timed(300), operation: timed(200), fingerprint: 0,
                        createdAt: 1_767_225_600_000)
                ]
            })
        func pruneAll(at now: Int64) throws {
            try prune {
                ($0.now, $0.began) = (now, 50)
                ($0.operationsSince, $0.tombstonesSince) = (now - 20, now - 60)
            }
        }
        try pruneAll(at: 70)
        #expect(try store.operation(timed(100))?.isTombstone == false)
        #expect(try store.operation(timed(200))?.isTombstone == true)
        try pruneAll(at: 110)
        #expect(try store.operation(timed(100))?.isTombstone == true)
        #expect(try store.operation(timed(200)) == nil)
        #expect(try store.alias(timed(300)) != nil)
        try pruneAll(at: 111)
        #expect(try store.operation(timed(100)) == nil)
        #expect(try store.alias(timed(300)) == nil)
        #expect(try store.forgotten()?.spans == [100...100, 200...200, 300...300])
    }

    @Test func anAliasLeavesTheTimeOfItsID() throws {
        func alias(_ time: UInt64, at uptime: Int64) -> AliasRecord {
            AliasRecord(id: timed(time), operation: timed(1), fingerprint: 0, createdAt: uptime)
        }
        try store.commit(
            change(1) { $0.aliases = (1...4).map { alias($0 * 100, at: Int64($0) * 10) } })
        try prune { $0.tombstonesSince = 20 }
        try prune { $0.tombstonesKept = 2 }
        #expect(try store.forgotten()?.spans == [100...100, 200...200])
    }

    @Test func anIDWithoutATimeIsRememberedByItself() throws {
        try commit([nil, 300])
        try prune { $0.operationsKept = 0 }
        try prune { $0.tombstonesSince = 1000 }
        #expect(try store.operation(timed(nil)) == nil)
        #expect(try store.alias(timed(nil))?.operation == timed(nil))
        // Not by age, because nothing else shows that the id existed.
        try prune { $0.tombstonesSince = .max }
        #expect(try store.alias(timed(nil)) != nil)
    }

    @Test func storedForgottenTimesAreReadAgain() throws {
        var times = ForgottenTimes(until: 5000)
        times.formUnion([9000, 9001, 7000])
        try store.setForgotten(times)
        #expect(try Store(path: scratch.path, ignoringLocks: true).forgotten() == times)
        #expect(times.spans == [0...5000, 7000...7000, 9000...9001])
    }

    /// As older daemons wrote it.
    @Test func aWatermarkIsASpan() throws {
        try store.connection.execute("INSERT INTO meta VALUES ('forgotten', 700)")
        #expect(try store.forgotten()?.spans == [0...700])
    }

    @Test(arguments: ["'x'", "x''", "x'02'", "x'01ff'", "NULL"])
    func aRecordThatCannotBeReadIsNotTakenForNone(value: String) throws {
        // STRICT and NOT NULL already refuse the last one.
        do { try store.connection.execute("INSERT INTO meta VALUES ('forgotten', \(value))") } catch
        { return }
        #expect(throws: StoreFailure.self) { try store.forgotten() }
    }

    @Test func anAliasThatLeadsToNoIDIsNotTakenForNone() throws {
        try store.commit(change(1) { $0.aliases = [alias(1, of: 1)] })
        try store.connection.execute("UPDATE aliases SET operation = x'01'")
        #expect(throws: StoreFailure.self) { try store.alias(id(1)) }
    }

    @Test func theWidestGapsAreKept() {
        var times = ForgottenTimes(until: 10_000)
        times.formUnion((1...100).map { 10_000 + $0 * 10 })
        times.formUnion([9_000_000, 900_000_000])
        #expect(times.spans.count == ForgottenTimes.most)
        for time in [0, 10_000] + (1...100).map({ 10_000 + $0 * 10 }) + [9_000_000, 900_000_000] {
            #expect(times.contains(Int64(time)))
        }
        #expect(!times.contains(8_000_000) && !times.contains(9_000_001))
        #expect(ForgottenTimes(bytes: times.bytes) == times)
    }

    /// The ids of unreadable records are unknown.
    @Test func aSalvagedStoreMayHaveForgottenAnything() throws {
        try store.setForgotten(ForgottenTimes(until: 700))
        try store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        var file = try scratch.bytes()
        file[20] = 99  // in the file's header
        let other = try Scratch()
        try other.write(file)
        let (found, damage) = try Store.opening(path: other.path)
        #expect(damage != nil)
        let times = try #require(try found.forgotten())
        #expect(!times.isWhole && times.contains(701) && times.spans == [0...700])
    }
}
