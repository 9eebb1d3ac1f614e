// What every mutation has in common: a retry is recognised, an operation is made, and all of it
// stands in the store before anyone hears of it.

package import Documents
import Linux
import Metrics
package import Model
import Store

extension Engine {
    /// Runs `body` as one transaction and wakes the pod's owner.
    func mutate(
        _ context: RequestContext,
        _ body: (inout Transaction) throws(Problem) -> Accepted
    ) throws(Problem) -> Accepted {
        let committed = try registry.transaction { transaction throws(Problem) in
            if let known = try transaction.replayed(context) { return known.accepted }
            return try body(&transaction)
        }
        switch committed {
        case .done(let accepted):
            metrics.storeCommits.add()
            if case .operation(let operation) = accepted { wake(operation.target.podUID) }
            return accepted
        case .refused(let failure): throw refusal(failure, context.instance)
        }
    }

    private func refusal(_ failure: StoreFailure, _ instance: String) -> Problem {
        metrics.storeFailures.add()
        log.write(.error, "the store refused a change", ["error": "\(failure)"])
        switch failure {
        case .full: return Problem(.storeFull, "the run directory is full", instance: instance)
        case .corrupt, .newerSchema, .other:
            return Problem(.internalFault, "the store: \(failure)", instance: instance)
        }
    }

    /// A retry with a known Operation-Id, or its misuse; `nil` where the id is new, or none.
    package func replay(_ context: RequestContext) throws(Problem) -> PodOperation? {
        let found = try registry.transaction { transaction throws(Problem) in
            try transaction.replayed(context)
        }
        switch found {
        case .done(let operation): return operation
        case .refused(let failure): throw refusal(failure, context.instance)
        }
    }
}

extension PodOperation {
    var accepted: Accepted { state.hasEnded ? .finished(self) : .operation(self) }
}

extension Transaction {
    func replayed(_ context: RequestContext) throws(Problem) -> PodOperation? {
        guard let id = context.operationID, let known = anyOperation(id) else { return nil }
        guard known.fingerprint == context.fingerprint else {
            throw Problem(
                .operationIDReused, "operation \(id) was another request",
                instance: context.instance,
                operation: id)
        }
        return known
    }

    /// An operation that runs, or one that the store still has.
    func anyOperation(_ id: UID) -> PodOperation? {
        if let open = operation(id) { return open }
        return ended { () throws(StoreFailure) in try store.operation(id.recordID) }
    }

    /// A delete that ended, by its target's uid.
    func removal(of uid: UID) -> PodOperation? {
        ended { () throws(StoreFailure) in try store.removal(ofTarget: uid.recordID) }
    }

    func removal(ofPod name: Label) -> PodOperation? {
        ended { () throws(StoreFailure) in try store.removal(ofPod: name.text) }
    }

    func removal(ofTask name: Label, in pod: Pod) -> PodOperation? {
        ended { () throws(StoreFailure) in
            try store.removal(ofTask: name.text, podUID: pod.uid.recordID)
        }
    }

    /// What cannot be read is as good as no longer kept.
    private func ended(
        _ find: () throws(StoreFailure) -> StoredOperation?
    ) -> PodOperation? {
        do {
            guard let stored = try find() else { return nil }
            let operation = try PodOperation(record: stored.document)
            return operation.state.hasEnded ? operation : nil
        } catch { return nil }
    }

    /// A new operation; it is not put yet.
    mutating func makeOperation(
        _ kind: OperationKind, _ target: OperationTarget, _ context: RequestContext,
        grace: Int64? = nil, signal: Signal? = nil
    ) -> PodOperation {
        PodOperation(
            id: context.operationID ?? makeUID(), kind: kind, target: target,
            requester: context.requester, createdAt: time, fingerprint: context.fingerprint,
            grace: grace, signal: signal)
    }

    /// Counts one more request that is answered with a running operation. A later grace can only
    /// make it sooner.
    mutating func join(_ operation: PodOperation, grace: Int64? = nil) -> Accepted {
        var operation = operation
        operation.joined += 1
        if let grace { operation.grace = min(operation.grace ?? .max, grace) }
        put(operation)
        return .operation(operation)
    }
}

extension OperationTarget {
    init(_ pod: Pod) { self.init(pod: pod.name, podUID: pod.uid) }

    init(_ pod: Pod, _ task: PodTask) {
        self.init(pod: pod.name, podUID: pod.uid, task: task.spec.name, taskUID: task.uid)
    }
}
