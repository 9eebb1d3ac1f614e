// How a controller changes its pod's record and ends its operations.

import Documents
import EventLoop
import Host
import Kernel
import Metrics
import Model
import Store
import Synchronization

extension Registry {
    /// Returns the open operations of a pod, oldest first.
    func openOperations(of pod: UID) -> [PodOperation] {
        state.withLock { $0.operations.of(pod) }
    }

    func openOperation(_ id: UID) -> PodOperation? { state.withLock { $0.operations[id] } }

    func pod(_ uid: UID) -> Pod? {
        state.withLock { state in state.names[uid].flatMap { state.pods[$0] } }
    }

    /// The pod, if its record names all that the pod may have.
    func wholePod(_ uid: UID) -> Pod? { pod(uid).flatMap { $0.isSpecLost ? nil : $0 } }

    /// Changes the part of a pod that exists only in memory.
    func showPod(_ uid: UID, _ change: (inout Pod) -> Void) {
        state.withLock { state in
            guard let name = state.names[uid], var pod = state.pods[name] else { return }
            change(&pod)
            state.pods[name] = pod
        }
    }

    /// Changes a pod's record. If the store is full, it tries again until the store accepts the
    /// change, because the change reports what has already happened on the machine. Returns `false`
    /// if the store has not accepted it yet.
    @discardableResult
    @Loop func update(
        _ uid: UID, _ engine: Engine, _ change: @escaping @Sendable (inout Pod) -> Void
    ) -> Bool {
        if tryUpdate(uid, engine, [change]) { return true }
        Loop.shared.reactor.after(milliseconds: 500) {
            onLoop { self.update(uid, engine, change) }
        }
        return false
    }

    /// Makes these changes of a pod's record in one transaction, each with its events. Returns
    /// `false` if the store does not accept them now.
    @Loop func tryUpdate(
        _ uid: UID, _ engine: Engine, _ changes: [@Sendable (inout Pod) -> Void]
    ) -> Bool {
        let committed = transaction(releasesResources: true) { transaction in
            for change in changes {
                guard let before = transaction.pod(uid: uid) else { return }
                var pod = before
                change(&pod)
                if pod != before { transaction.put(pod) }
            }
        }
        guard case .refused(let failure) = committed else { return true }
        noteRefusal(failure, engine)
        return false
    }

    /// Runs a transaction until the store accepts it. The networks that pods leave with it are
    /// removed if no pod needs them.
    @Loop func commitUntilAccepted<Result: Sendable>(
        _ engine: Engine, _ body: @Sendable (inout Transaction) -> Result
    ) async -> Result {
        while true {
            let outcome = transaction(releasesResources: true) { transaction in
                (result: body(&transaction), left: transaction.networksLeft)
            }
            switch outcome {
            case .done(let done):
                engine.networkControllers.noteLeft(done.left, engine)
                return done.result
            case .refused(let failure):
                noteRefusal(failure, engine)
                await Loop.shared.reactor.pause(milliseconds: 500)
            }
        }
    }

    /// Stores that a pending operation now runs. The store needs it, too, so that the state only
    /// goes forward, even if the daemon dies.
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

    /// Ends an operation together with what `change` does to the records. If `unlessCalledOff` is
    /// set and the operation was called off before, it changes nothing and returns `false`.
    @discardableResult
    @Loop func end(
        _ id: UID, _ state: OperationState, error: Failure? = nil,
        unlessCalledOff: Bool = false, _ engine: Engine,
        _ change: @escaping @Sendable (inout Transaction, inout PodOperation) -> Void
    ) async -> Bool {
        let ended = await commitUntilAccepted(engine) { transaction -> Ended in
            guard var operation = transaction.operation(id) else { return .before }
            if unlessCalledOff && operation.state == .canceling { return .calledOff }
            // If the operation fails but is called off before the failure is stored, it ends as
            // `canceled`.
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

/// The result of an attempt to end an operation.
private enum Ended: Sendable {
    case now(PodOperation)
    /// The operation had ended already.
    case before
    /// The operation was called off first.
    case calledOff
}

extension StoreFailure {
    /// The value of the metric's label.
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
    mutating func end(_ state: OperationState, at time: Timestamp, _ limits: Limits) {
        self.state = state
        patch = nil
        finishedAt = time
        expiresAt = Timestamp(
            milliseconds: time.milliseconds + limits.operationsKeptSeconds * 1000)
    }

    fileprivate var endFields: KeyValuePairs<StaticString, String> {
        let milliseconds = (finishedAt ?? createdAt).milliseconds - createdAt.milliseconds
        return [
            "operation": "\(id)", "kind": kind.rawValue, "state": state.rawValue,
            "pod": target.owner.name, "uid": "\(target.owner.uid)",
            "task": target.task?.text ?? "-",
            "step": error?.step?.text ?? "-", "error": error?.detail ?? "-",
            "ms": "\(milliseconds)",
        ]
    }
}
