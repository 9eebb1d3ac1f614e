// Operations: looked up, listed, waited for, called off.

package import Documents
import Linux
package import Model
import Store
import Synchronization

extension Engine {
    /// Calls off a create: it undoes what it made, and ends as `canceled`.
    package func cancel(
        _ id: UID, _ context: RequestContext
    ) throws(Problem) -> Accepted {
        if case .unreadable(let why) = operation(id) {
            throw fault(why, instance: context.instance)
        }
        return try mutate(context) { transaction throws(Problem) in
            var operation: PodOperation
            switch transaction.found(id) {
            case .found(let found): operation = found
            case .expired(let reason), .unreadable(let reason):
                throw Problem(.operationExpired, reason, instance: context.instance)
            case .unknown:
                throw Problem(.operationUnknown, "no operation \(id)", instance: context.instance)
            }
            if operation.state == .canceled || operation.state == .canceling {
                return operation.accepted
            }
            guard operation.kind.isCreate, !operation.state.hasEnded else {
                throw Problem(
                    .notCancelable, "\(operation.kind.rawValue) is \(operation.state.rawValue)",
                    instance: context.instance, operation: id)
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

    /// Oldest first, by id; those that run and those that have ended.
    package func operations(
        limit: Int, after: UID?
    ) -> (operations: [PodOperation], revision: UInt64) {
        let (open, ended, revision) = registry.state.withLock { state in
            var ended: [StoredOperation] = []
            // What cannot be read is not listed; the store's failure is in the log.
            do throws(StoreFailure) { ended = try state.store.endedOperations(newest: 2000) } catch
            {}
            return (Array(state.operations.all), ended, state.revision)
        }
        var all = open
        for stored in ended {
            do { all.append(try PodOperation(record: stored.document)) } catch {}
        }
        all.sort { $0.id < $1.id }
        let page = all.filter { operation in after.map { operation.id > $0 } ?? true }
        return (Array(page.prefix(limit)), revision)
    }

    /// Calls `body` once the operation has ended, at once if it has.
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

    /// Takes a waiter or a subscriber back.
    package func cancel(_ token: EngineToken) {
        registry.state.withLock { state in
            state.feed.cancel(token)
            state.waiters.cancel(token)
        }
    }

    /// Events after `since`, then live ones; from now on where `since` is `nil`.
    package func subscribe(
        since: UInt64?, _ push: @escaping @Sendable (EventItem) -> Void
    ) throws(Problem) -> EngineToken {
        do throws(StoreFailure) {
            if let token = try registry.subscribe(after: since, push) { return token }
        } catch { throw fault("the store: \(error)", instance: "/v1/events") }
        throw Problem(
            .eventsExpired, "events after \(since ?? 0) are no longer all kept",
            instance: "/v1/events")
    }
}
