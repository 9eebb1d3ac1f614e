// A store in memory, which outlives its daemons.

package import Store
import Synchronization

/// What all daemons of one history have written.
package final class FakeDisk: Sendable {
    struct Content: Sendable {
        var pods: [RecordID: PodRecord] = [:]
        var operations: [RecordID: OperationRecord] = [:]
        var aliases: [RecordID: AliasRecord] = [:]
        var highest: UInt64 = 0
        /// What every change is answered with; `nil` while all is well.
        var refusal: StoreFailure?
    }

    private let content = Mutex(Content())

    package init() {}

    /// Whether there is no room now.
    package func setFull(_ isFull: Bool) { refuse(isFull ? .full : nil) }

    /// From now on, and with `nil` no more.
    package func refuse(_ refusal: StoreFailure?) { content.withLock { $0.refusal = refusal } }

    package var podIDs: Set<RecordID> { content.withLock { Set($0.pods.keys) } }

    var now: Content { content.withLock { $0 } }

    /// Why it was not done; `nil` if it was.
    fileprivate func apply(_ change: StoreChange) -> StoreFailure? {
        content.withLock { content in
            if let refusal = content.refusal { return refusal }
            for pod in change.pods { content.pods[pod.uid] = pod }
            for uid in change.removedPods { content.pods[uid] = nil }
            for operation in change.operations { content.operations[operation.id] = operation }
            for alias in change.aliases where content.aliases[alias.id] == nil {
                content.aliases[alias.id] = alias
            }
            content.highest = max(content.highest, change.revision)
            return nil
        }
    }
}

/// One daemon's hold on it.
package final class FakeRecords: RecordKeeping {
    private let disk: FakeDisk
    private let life: Life

    package init(_ disk: FakeDisk, _ life: Life) {
        self.disk = disk
        self.life = life
    }

    package func commit(_ change: StoreChange) throws(StoreFailure) -> [RecordID] {
        try life.checkStore()
        if let refusal = disk.apply(change) { throw refusal }
        // The daemon may die when all stands, and before anyone has heard of it.
        _ = life.goesOn()
        return []
    }

    package func pods() throws(StoreFailure) -> [PodRecord] {
        disk.now.pods.values.sorted { $0.uid < $1.uid }
    }

    package func runningOperations() throws(StoreFailure) -> [[UInt8]] {
        disk.now.operations.values.filter { $0.ending == nil }.sorted { $0.revision < $1.revision }
            .map(\.document)
    }

    package func revision() throws(StoreFailure) -> UInt64 { disk.now.highest }

    package func operation(_ id: RecordID) throws(StoreFailure) -> StoredOperation? {
        disk.now.operations[id].map(stored)
    }

    package func endedOperations(newest limit: Int) throws(StoreFailure) -> [StoredOperation] {
        let ended = disk.now.operations.values.filter { $0.ending != nil }
        return ended.sorted { $0.revision > $1.revision }.prefix(limit).map(stored)
    }

    package func alias(
        _ id: RecordID
    ) throws(StoreFailure) -> (operation: RecordID, fingerprint: UInt64)? {
        disk.now.aliases[id].map { ($0.operation, $0.fingerprint) }
    }

    package func removal(ofTarget uid: RecordID) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && ($0.taskUID ?? $0.podUID) == uid }
    }

    package func removal(ofPod name: String) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && $0.taskName == nil && $0.podName == name }
    }

    package func removal(
        ofTask name: String, podUID: RecordID
    ) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && $0.taskName == name && $0.podUID == podUID }
    }

    /// Nobody follows the events of a history.
    package func events(
        after revision: UInt64, limit: Int
    ) throws(StoreFailure) -> [EventRecord] { [] }

    package func eventFloor() throws(StoreFailure) -> UInt64 { 0 }

    package func forgotten() throws(StoreFailure) -> Int64 { 0 }

    package func prune(_ retention: Retention) throws(StoreFailure) -> Bool { false }

    private func newest(_ isMeant: (OperationRecord) -> Bool) -> StoredOperation? {
        disk.now.operations.values.filter(isMeant).max { $0.revision < $1.revision }.map(stored)
    }

    private func stored(_ record: OperationRecord) -> StoredOperation {
        StoredOperation(document: record.document, isTombstone: false)
    }
}

extension RecordID {
    fileprivate static func < (left: RecordID, right: RecordID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
