// Looks up operations, lists them, waits for them and calls them off.

import Documents
import Host
import Kernel
package import Model
import Store
import Synchronization

extension Transaction {
    /// The operation; throws if it is unknown or no longer kept.
    func known(_ id: UID) throws(Refusal) -> PodOperation {
        switch found(id) {
        case .found(let found): return found
        case .expired(let reason), .unreadable(let reason): throw .operationExpired(reason)
        case .unknown: throw .operationUnknown(id)
        }
    }
}

extension Engine {
    /// Calls off a create: the create undoes its work, and ends as `canceled`.
    package func cancel(
        _ id: UID, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        if case .unreadable(let why) = operation(id) { throw .fault(cause: why) }
        return try mutate(context) { transaction throws(Refusal) in
            var operation = try transaction.known(id)
            if operation.state == .canceled || operation.state == .canceling {
                return operation.accepted
            }
            guard operation.kind.isCancelable, !operation.state.hasEnded else {
                throw .notCancelable(id, operation.kind, operation.state)
            }
            operation.state = .canceling
            transaction.put(operation)
            if var pod = transaction.pod(operation.target.pod), operation.kind == .podCreate {
                pod.state = .deleting
                transaction.put(pod)
            }
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    package func operation(_ id: UID) -> OperationLookup {
        registry.state.withLock { Transaction($0).found(id) }
    }

    /// Returns the next part of the list of operations, in the order in which they were accepted:
    /// all, or those in one state. One call reads a bounded number, so that no request delays
    /// others.
    package func operations(
        after creation: UInt64, limit: Int, in wanted: OperationState?
    ) throws(Refusal) -> OperationSlice {
        var slice = OperationSlice()
        var found: [(stored: ListedOperation, running: PodOperation?)] = []
        do throws(StoreFailure) {
            (found, slice.revision) = try registry.state.withLock { state throws(StoreFailure) in
                let listed = try state.store.operations(
                    after: creation, limit: min(limit, 64), bytes: DocumentLimits.pageBytes,
                    onlyRunning: wanted.map { !$0.hasEnded } ?? false)
                // Memory has the progress of the running operations.
                return (
                    listed.map { ($0, $0.isRunning ? state.operations[UID($0.id)] : nil) },
                    state.revision
                )
            }
        } catch { throw refusal(error) }
        for (listed, running) in found {
            slice.end = listed.creation
            slice.looked += 1
            slice.bytes += listed.stored.document.count
            // An unreadable operation is not listed.
            guard let operation = running ?? readable(listed.stored) else { continue }
            if wanted == nil || operation.state == wanted { slice.operations.append(operation) }
        }
        return slice
    }

    private func readable(_ stored: StoredOperation) -> PodOperation? {
        do { return try PodOperation(record: stored.document) } catch { return nil }
    }

    /// Calls `body` once the operation has ended. If it has ended already, calls `body` at once.
    package func whenEnded(
        _ id: UID, _ body: @escaping @Sendable () -> Void
    ) -> EngineToken {
        let (token, isOpen) = registry.state.withLock { state in
            let token = state.makeToken()
            let isOpen = state.operations[id] != nil
            if isOpen { state.waiters.add(token, of: id, body) }
            return (token, isOpen)
        }
        if !isOpen { body() }
        return token
    }

    /// Removes a waiter or a reader of events.
    package func cancel(_ token: EngineToken) {
        registry.state.withLock { state in
            state.readers.cancel(token)
            state.waiters.cancel(token)
        }
    }
}
