// The operations that have not ended, by id and by pod.
//
// The cost of a request or a commit must not depend on how many operations are open elsewhere (law
// 11). So the operations of one pod are found, in their order, without a look at the others.

import Model
import Synchronization

struct OpenOperations {
    private var byID: [UID: PodOperation] = [:]
    /// The ids of each pod's operations, in the order in which they were accepted.
    private var byPod: [UID: [UID]] = [:]
    /// The number of operations that were looked at, for a test that counts the work.
    let visits = Visits()

    final class Visits: Sendable { let count = Atomic(0) }

    var count: Int { byID.count }
    var ids: some Collection<UID> { byID.keys }
    var pods: some Collection<UID> { byPod.keys }

    /// All open operations, in no order. Only for questions about the whole host.
    var all: some Collection<PodOperation> {
        visits.count.add(byID.count, ordering: .relaxed)
        return byID.values
    }

    subscript(_ id: UID) -> PodOperation? { byID[id] }

    /// Returns the operations of one incarnation of a pod, oldest first.
    func of(_ pod: UID) -> [PodOperation] {
        let ids = byPod[pod] ?? []
        visits.count.add(ids.count, ordering: .relaxed)
        return ids.compactMap { byID[$0] }
    }

    func count(of pod: UID) -> Int { byPod[pod]?.count ?? 0 }

    /// Adds an operation, or replaces its former version. Removes an operation that has ended.
    mutating func put(_ operation: PodOperation) {
        if operation.state.hasEnded { return remove(operation) }
        if byID.updateValue(operation, forKey: operation.id) != nil { return }
        let before = byPod[operation.target.owner.uid, default: []]
            .lastIndex { byID[$0].map { $0.order <= operation.order } ?? false }
        byPod[operation.target.owner.uid, default: []]
            .insert(operation.id, at: before.map { $0 + 1 } ?? 0)
    }

    private mutating func remove(_ operation: PodOperation) {
        guard byID.removeValue(forKey: operation.id) != nil else { return }
        let pod = operation.target.owner.uid
        byPod[pod]?.removeAll { $0 == operation.id }
        if byPod[pod]?.isEmpty ?? false { byPod[pod] = nil }
    }
}

/// The callbacks for the ends of operations, found by operation or by token.
struct Waiters {
    private var bodies: [UID: [EngineToken: @Sendable () -> Void]] = [:]
    private var operations: [EngineToken: UID] = [:]

    mutating func add(_ token: EngineToken, of id: UID, _ body: @escaping @Sendable () -> Void) {
        bodies[id, default: [:]][token] = body
        operations[token] = id
    }

    /// Removes and returns the callbacks of an operation that has ended, because each is called
    /// once.
    mutating func take(_ id: UID) -> [@Sendable () -> Void] {
        guard let taken = bodies.removeValue(forKey: id) else { return [] }
        for token in taken.keys { operations[token] = nil }
        return Array(taken.values)
    }

    mutating func cancel(_ token: EngineToken) {
        guard let id = operations.removeValue(forKey: token) else { return }
        bodies[id]?[token] = nil
        if bodies[id]?.isEmpty ?? false { bodies[id] = nil }
    }
}
