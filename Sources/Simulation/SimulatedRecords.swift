// A store in memory that outlives its daemons.

package import Store
import Synchronization

/// The records that all daemons of one history have written.
package final class SimulatedDisk: Sendable {
    struct Content: Sendable {
        var pods: [RecordID: PodRecord] = [:]
        var operations: [RecordID: OperationRecord] = [:]
        /// The ids of the operations whose record is only a tombstone.
        var tombstones: Set<RecordID> = []
        var aliases: [RecordID: AliasRecord] = [:]
        /// In the order of their insertion.
        var aliasOrder: [RecordID] = []
        var forgotten: ForgottenTimes?
        var namespaces: [UInt64: NamespaceRecord] = [:]
        var networks: [RecordID: NetworkRecord] = [:]
        var highest: UInt64 = 0
        /// The answer to every change; `nil` if changes are accepted.
        var refusal: StoreFailure?
        var isUnreadable = false
    }

    private let content = Mutex(Content())

    package init() {}

    /// Sets whether the store is full.
    package func setFull(_ isFull: Bool) { refuse(isFull ? .full : nil) }

    /// Refuses every change from now on; `nil` ends that.
    package func refuse(_ refusal: StoreFailure?) { content.withLock { $0.refusal = refusal } }

    /// Sets whether a look-up by id fails.
    package func setUnreadable(_ isUnreadable: Bool) {
        content.withLock { $0.isUnreadable = isUnreadable }
    }

    package var podIDs: Set<RecordID> { content.withLock { Set($0.pods.keys) } }

    package var networkIDs: Set<RecordID> { content.withLock { Set($0.networks.keys) } }

    var now: Content { content.withLock { $0 } }

    /// Applies a change. Returns why it was refused; `nil` if it was applied.
    fileprivate func apply(_ change: StoreChange) -> StoreFailure? {
        content.withLock { content in
            if let refusal = content.refusal { return refusal }
            for pod in change.pods { content.pods[pod.uid] = pod }
            for uid in change.removedPods { content.pods[uid] = nil }
            for operation in change.operations { content.operations[operation.id] = operation }
            for alias in change.aliases { content.put(alias) }
            for network in change.networks { content.networks[network.uid] = network }
            for uid in change.removedNetworks { content.networks[uid] = nil }
            for namespace in change.namespaces { content.namespaces[namespace.inode] = namespace }
            content.highest = max(content.highest, change.revision)
            return nil
        }
    }
}

extension SimulatedDisk {
    /// Stores the forgotten times. Returns why they were refused; `nil` if they were stored.
    fileprivate func setForgotten(_ times: ForgottenTimes) -> StoreFailure? {
        content.withLock { content in
            if let refusal = content.refusal { return refusal }
            content.forgotten = times
            return nil
        }
    }

    fileprivate func prune(_ retention: Retention) { content.withLock { $0.prune(retention) } }
}

extension SimulatedDisk.Content {
    fileprivate mutating func put(_ alias: AliasRecord) {
        guard aliases[alias.id] == nil else { return }
        aliases[alias.id] = alias
        aliasOrder.append(alias.id)
    }

    /// Prunes like `Store.prune`, but all at once.
    fileprivate mutating func prune(_ retention: Retention) {
        let ended = operations.values.filter { $0.ending != nil }
            .sorted { $0.revision < $1.revision }
        let whole = ended.filter { !tombstones.contains($0.id) }
        for (index, operation) in whole.enumerated()
        where index < whole.count - retention.operationsKept
            || operation.uptime < retention.operationsSince
        { tombstones.insert(operation.id) }
        let dead = ended.filter { tombstones.contains($0.id) }
        var dropped: [RecordID] = []
        for (index, operation) in dead.enumerated()
        where index < dead.count - retention.tombstonesKept
            || operation.uptime < retention.tombstonesSince
        {
            operations[operation.id] = nil
            tombstones.remove(operation.id)
            dropped.append(operation.id)
        }
        for (index, id) in aliasOrder.enumerated() {
            let isOld = (aliases[id]?.createdAt ?? 0) < retention.tombstonesSince && id.time != nil
            guard isOld || index < aliasOrder.count - retention.tombstonesKept else { continue }
            aliases[id] = nil
            if id.time != nil { dropped.append(id) }
        }
        aliasOrder.removeAll { aliases[$0] == nil }
        for id in dropped where id.time == nil {
            put(AliasRecord(id: id, operation: id, fingerprint: 0, createdAt: 0))
        }
        var times = forgotten ?? ForgottenTimes()
        times.formUnion(dropped.compactMap(\.time))
        if !dropped.isEmpty { forgotten = times }
    }
}

extension RecordTarget {
    fileprivate func isNamed(_ name: String) -> Bool { partName == nil && ownerName == name }

    fileprivate func isPart(_ name: String, of owner: RecordID) -> Bool {
        partName == name && ownerUID == owner
    }
}

extension OperationRecord {
    fileprivate var uptime: Int64 { ending?.finishedAt ?? .max }
}

/// One daemon's access to the disk.
package final class SimulatedRecords: RecordKeeping {
    private let disk: SimulatedDisk
    private let life: Life

    package init(_ disk: SimulatedDisk, _ life: Life) {
        self.disk = disk
        self.life = life
    }

    package func commit(_ change: StoreChange) throws(StoreFailure) {
        try life.checkStore()
        if let refusal = disk.apply(change) { throw refusal }
        // The daemon may die after the change is stored, and before any client has the answer.
        _ = life.goesOn()
    }

    package func pods() throws(StoreFailure) -> [PodRecord] {
        disk.now.pods.values.sorted { $0.uid < $1.uid }
    }

    package func runningOperations() throws(StoreFailure) -> [[UInt8]] {
        disk.now.operations.values.filter { $0.ending == nil }.sorted { $0.revision < $1.revision }
            .map(\.document)
    }

    package func namespaces() throws(StoreFailure) -> [NamespaceRecord] {
        disk.now.namespaces.values.sorted { $0.inode < $1.inode }
    }

    package func networks() throws(StoreFailure) -> [NetworkRecord] {
        Array(disk.now.networks.values)
    }

    package func revision() throws(StoreFailure) -> UInt64 { disk.now.highest }

    package func operation(_ id: RecordID) throws(StoreFailure) -> StoredOperation? {
        try readable().operations[id].map(stored)
    }

    private func readable() throws(StoreFailure) -> SimulatedDisk.Content {
        let now = disk.now
        if now.isUnreadable { throw .corrupt("a page of zeros") }
        return now
    }

    package func operations(
        after creation: UInt64, limit: Int, bytes: Int, onlyRunning: Bool
    ) throws(StoreFailure) -> [ListedOperation] {
        let found = disk.now.operations.values.filter {
            $0.creation > creation && !(onlyRunning && $0.ending != nil)
        }
        return found.sorted { $0.creation < $1.creation }.prefix(limit).map {
            ($0.id, $0.creation, $0.ending == nil, stored($0))
        }
    }

    package func alias(
        _ id: RecordID
    ) throws(StoreFailure) -> (operation: RecordID, fingerprint: UInt64)? {
        try readable().aliases[id].map { ($0.operation, $0.fingerprint) }
    }

    package func removal(ofTarget uid: RecordID) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && $0.target.uid == uid }
    }

    package func removal(
        _ kind: String, of name: String
    ) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && $0.kind == kind && $0.target.isNamed(name) }
    }

    package func removal(
        _ kind: String, of part: String, in owner: RecordID
    ) throws(StoreFailure) -> StoredOperation? {
        newest { $0.removes && $0.kind == kind && $0.target.isPart(part, of: owner) }
    }

    /// Returns none, because no client of a history follows events.
    package func events(
        after revision: UInt64, limit: Int
    ) throws(StoreFailure) -> [EventRecord] { [] }

    package func eventFloor() throws(StoreFailure) -> UInt64 { 0 }

    package func forgotten() throws(StoreFailure) -> ForgottenTimes? {
        try readable().forgotten
    }

    package func setForgotten(_ times: ForgottenTimes) throws(StoreFailure) {
        try life.checkStore()
        if let refusal = disk.setForgotten(times) { throw refusal }
    }

    package func lastRemovedUID() throws(StoreFailure) -> RecordID? {
        disk.now.operations.values.filter(\.removes).map(\.target.uid).max { $0 < $1 }
    }

    package func prune(_ retention: Retention) throws(StoreFailure) -> Bool {
        try life.checkStore()
        disk.prune(retention)
        return false
    }

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
