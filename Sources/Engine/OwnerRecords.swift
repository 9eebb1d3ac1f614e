// How an owner changes its pod's record and ends its operations.

import Documents
import Linux
import Metrics
import Model
import Store
import Synchronization

extension Registry {
    /// Oldest first.
    func openOperations(of pod: UID) -> [PodOperation] {
        let open = state.withLock { $0.operations.values.filter { $0.target.podUID == pod } }
        return open.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    func openOperation(_ id: UID) -> PodOperation? { state.withLock { $0.operations[id] } }

    func pod(_ uid: UID) -> Pod? {
        state.withLock { state in state.names[uid].flatMap { state.pods[$0] } }
    }

    /// Changes a pod's record. A store that is full is asked again until it takes it: what has
    /// happened on the machine has happened.
    @Loop func update(
        _ uid: UID, _ engine: Engine, _ change: @escaping @Sendable (inout Pod) -> Void
    ) {
        let committed = transaction { transaction in
            guard let before = transaction.pod(uid: uid) else { return }
            var pod = before
            change(&pod)
            if pod != before { transaction.put(pod) }
        }
        retryIfRefused(committed, engine) { self.update(uid, engine, change) }
    }

    /// Ends an operation together with what `change` does to the records. `false`, and nothing has
    /// changed, where it was called off before and `unlessCalledOff` is set.
    @discardableResult
    @Loop func end(
        _ id: UID, _ state: OperationState, error: Failure? = nil,
        unlessCalledOff: Bool = false, _ engine: Engine,
        _ change: @escaping @Sendable (inout Transaction, inout PodOperation) -> Void
    ) async -> Bool {
        while true {
            let committed = transaction { transaction -> Bool in
                guard var operation = transaction.operation(id) else { return true }
                if unlessCalledOff && operation.state == .canceling { return false }
                operation.end(state, at: transaction.time, engine.settings.limits)
                operation.error = error
                operation.stalled = nil
                change(&transaction, &operation)
                transaction.put(operation)
                return true
            }
            switch committed {
            case .done(let isEnded):
                if isEnded { engine.noteEnd(id, state) }
                return isEnded
            case .refused(let failure):
                engine.log.write(.error, "the store refused an end", ["error": "\(failure)"])
                engine.metrics.storeFailures.add()
                await Loop.shared.reactor.pause(milliseconds: 500)
            }
        }
    }

    private func retryIfRefused(
        _ committed: Committed<Void>, _ engine: Engine,
        _ again: @escaping @Sendable @Loop () -> Void
    ) {
        guard case .refused(let failure) = committed else { return }
        engine.log.write(.error, "the store refused a change", ["error": "\(failure)"])
        engine.metrics.storeFailures.add()
        Loop.shared.reactor.after(milliseconds: 500) { onLoop { again() } }
    }
}

extension Engine {
    fileprivate func noteEnd(_ id: UID, _ state: OperationState) {
        guard case .found(let operation) = operation(id) else { return }
        metrics.operationsEnded.add(1, operation.kind.rawValue, state.rawValue)
        log.write(.info, "operation ended", operation.endFields)
    }
}

extension PodOperation {
    mutating func end(_ state: OperationState, at time: Timestamp, _ limits: EngineLimits) {
        self.state = state
        finishedAt = time
        expiresAt = Timestamp(
            milliseconds: time.milliseconds + limits.operationsKeptSeconds * 1000)
    }

    fileprivate var endFields: KeyValuePairs<StaticString, String> {
        let milliseconds = (finishedAt ?? createdAt).milliseconds - createdAt.milliseconds
        return [
            "operation": "\(id)", "kind": kind.rawValue, "state": state.rawValue,
            "pod": target.pod.text, "uid": "\(target.podUID)", "task": target.task?.text ?? "-",
            "step": error?.step?.rawValue ?? "-", "error": error?.detail ?? "-",
            "ms": "\(milliseconds)",
        ]
    }
}
