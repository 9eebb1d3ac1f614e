// How a controller changes its pod's record and ends its operations.

import Documents
import EventLoop
import Linux
import Metrics
import Model
import Store
import Synchronization

extension Registry {
    /// Oldest first.
    func openOperations(of pod: UID) -> [PodOperation] {
        state.withLock { $0.operations.of(pod) }
    }

    func openOperation(_ id: UID) -> PodOperation? { state.withLock { $0.operations[id] } }

    func pod(_ uid: UID) -> Pod? {
        state.withLock { state in state.names[uid].flatMap { state.pods[$0] } }
    }

    /// Changes what only memory has of a pod.
    func showPod(_ uid: UID, _ change: (inout Pod) -> Void) {
        state.withLock { state in
            guard let name = state.names[uid], var pod = state.pods[name] else { return }
            change(&pod)
            state.pods[name] = pod
        }
    }

    /// Changes a pod's record. A store that is full is asked again until it takes it: what has
    /// happened on the machine has happened. `false` where it has not taken it yet.
    @discardableResult
    @Loop func update(
        _ uid: UID, _ engine: Engine, _ change: @escaping @Sendable (inout Pod) -> Void
    ) -> Bool {
        let committed = transaction(releasesResources: true) { transaction in
            guard let before = transaction.pod(uid: uid) else { return }
            var pod = before
            change(&pod)
            if pod != before { transaction.put(pod) }
        }
        guard case .refused(let failure) = committed else { return true }
        noteRefusal(failure, engine)
        Loop.shared.reactor.after(milliseconds: 500) {
            onLoop { self.update(uid, engine, change) }
        }
        return false
    }

    /// Runs a transaction until the store takes it.
    @Loop func commitUntilAccepted<Result: Sendable>(
        _ engine: Engine, _ body: @Sendable (inout Transaction) -> Result
    ) async -> Result {
        while true {
            switch transaction(releasesResources: true, body) {
            case .done(let result): return result
            case .refused(let failure):
                noteRefusal(failure, engine)
                await Loop.shared.reactor.pause(milliseconds: 500)
            }
        }
    }

    /// An operation that was behind another runs. In the store, too: its state only goes forward,
    /// whatever dies.
    @Loop func noteStart(_ id: UID, _ engine: Engine) async {
        await commitUntilAccepted(engine) { transaction in
            guard var operation = transaction.operation(id), operation.state == .pending else {
                return
            }
            operation.state = .running
            transaction.put(operation)
        }
    }

    private func noteRefusal(_ failure: StoreFailure, _ engine: Engine) {
        engine.log.write(.error, "the store refused a change", ["error": "\(failure)"])
        engine.metrics.storeFailures.add(1, failure.cause)
    }

    /// Ends an operation together with what `change` does to the records. `false`, and nothing has
    /// changed, where it was called off before and `unlessCalledOff` is set.
    @discardableResult
    @Loop func end(
        _ id: UID, _ state: OperationState, error: Failure? = nil,
        unlessCalledOff: Bool = false, _ engine: Engine,
        _ change: @escaping @Sendable (inout Transaction, inout PodOperation) -> Void
    ) async -> Bool {
        let ended = await commitUntilAccepted(engine) { transaction -> Ended in
            guard var operation = transaction.operation(id) else { return .before }
            if unlessCalledOff && operation.state == .canceling { return .calledOff }
            // One that failed, and was called off before that could be stored, was called off.
            let isCalledOff = operation.state == .canceling && state == .failed
            operation.end(
                isCalledOff ? .canceled : state, at: transaction.time, engine.settings.limits)
            operation.error = isCalledOff ? nil : error
            operation.stalled = nil
            change(&transaction, &operation)
            transaction.put(operation)
            return .now(operation)
        }
        switch ended {
        case .now(let operation): engine.noteEnd(operation)
        case .before: break
        case .calledOff: return false
        }
        return true
    }
}

/// What came of an end.
private enum Ended: Sendable {
    case now(PodOperation)
    /// It had ended.
    case before
    /// It was called off first.
    case calledOff
}

extension StoreFailure {
    /// For the metric's label.
    var cause: String {
        switch self {
        case .full: "full"
        case .corrupt: "corrupt"
        case .newerSchema: "schema"
        case .other: "other"
        }
    }
}

extension Engine {
    fileprivate func noteEnd(_ operation: PodOperation) {
        metrics.operationsEnded.add(1, operation.kind.rawValue, operation.state.rawValue)
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
            "step": error?.step?.text ?? "-", "error": error?.detail ?? "-",
            "ms": "\(milliseconds)",
        ]
    }
}
