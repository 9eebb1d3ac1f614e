// The common part of every mutation: it recognises a retry, makes an operation, and stores
// everything before it answers.
//
// An Operation-Id answers a retry whatever the result of its request was. It is the id of a new
// operation, or an alias of an operation that the request joined or found. If nothing had to be
// done, it is the id of an operation that is recorded as done. If nothing was found, that is
// stored, too: a late retry would otherwise delete a new object of the same name. A refusal is not
// stored.

import Documents
import Host
import Metrics
import Model
import Store

extension Engine {
    /// Runs `body` as one transaction and wakes the pod's controller. If nothing is left to do, it
    /// records an operation of `kind`, for a task of `pod` if `pod` is given.
    func mutate(
        _ context: RequestContext, _ kind: OperationKind? = nil, in pod: Label? = nil,
        _ body: (inout Transaction) throws(Refusal) -> MutationResult
    ) throws(Refusal) -> MutationResult {
        let limits = settings.limits
        let releasesResources = kind?.releasesResources ?? false
        let committed = try registry.transaction(releasesResources: releasesResources) {
            transaction throws(Refusal) in
            if let known = try transaction.replayed(context) { return known }
            let accepted = try body(&transaction)
            if !releasesResources { try transaction.checkSizes() }
            transaction.remember(context, accepted, kind, in: pod, limits)
            return accepted
        }
        switch committed {
        case .done(let accepted):
            metrics.storeCommits.add()
            if case .operation(let operation) = accepted { wake(operation.target.owner.uid) }
            return accepted
        case .refused(let failure): throw refusal(failure)
        }
    }

    func refusal(_ failure: StoreFailure) -> Refusal {
        metrics.storeFailures.add(1, failure.cause)
        switch failure {
        case .full:
            log.write(.error, "the store refused a change", ["error": "\(failure)"])
            return .storeFull
        case .corrupt, .newerSchema, .other: return .fault(cause: "the store: \(failure)")
        }
    }

    /// Returns the result of a retry with a known Operation-Id, or throws if the id is misused;
    /// `nil` if the request has no id, or a new id, which `context` then says.
    package func replay(_ context: inout RequestContext) throws(Refusal) -> MutationResult? {
        guard context.operationID != nil else { return nil }
        let asked = context
        let found = try registry.transaction { transaction throws(Refusal) in
            try transaction.replayed(asked)
        }
        switch found {
        case .done(nil):
            context.noteNew()
            return nil
        case .done(let accepted): return accepted
        case .refused(let failure): throw refusal(failure)
        }
    }
}

extension UID {
    /// The alias target of a request that found nothing when that was allowed.
    fileprivate static let nothing = UID(high: 0, low: 0)
}

extension PodOperation {
    var accepted: MutationResult { state.hasEnded ? .finished(self) : .operation(self) }
}

extension Transaction {
    /// Returns the former result of the request; `nil` if its id is new, or if it has none. It
    /// refuses an id that may have been forgotten, and an id of unreadable records, because the
    /// request may have been carried out.
    fileprivate func replayed(_ context: RequestContext) throws(Refusal) -> MutationResult? {
        guard let id = context.operationID, !context.isNew else { return nil }
        let found: OperationLookup
        let alias: Alias?
        do throws(StoreFailure) {
            alias = try self.alias(id)
            found = try lookUp(id)
        } catch { throw .fault(cause: "the store: \(error)") }
        if let known = alias?.fingerprint ?? found.operation?.fingerprint,
            known != context.fingerprint
        {
            throw .operationIDReused(id)
        }
        if alias?.operation == .nothing { return .nothing }
        if case .expired(let reason) = found { throw .operationExpired(reason) }
        return found.operation?.accepted
    }

    /// Stores the result of the request's id, if the request made no operation of that id.
    fileprivate mutating func remember(
        _ context: RequestContext, _ accepted: MutationResult, _ kind: OperationKind?,
        in pod: Label?,
        _ limits: Limits
    ) {
        guard let id = context.operationID else { return }
        switch accepted {
        case .operation(let operation), .finished(let operation):
            guard operation.id != id else { return }
            alias(id, to: operation.id, fingerprint: context.fingerprint)
        case .pod(let pod): putDone(kind, Target(pod), context, limits)
        case .task(let task):
            guard let pod = pod.flatMap({ self.pod($0) }) else { return }
            putDone(kind, Target(pod, task), context, limits)
        case .network(let network): putDone(kind, Target(network), context, limits)
        case .nothing: alias(id, to: .nothing, fingerprint: context.fingerprint)
        }
    }

    /// Stores an operation that had nothing to do.
    private mutating func putDone(
        _ kind: OperationKind?, _ target: Target, _ context: RequestContext,
        _ limits: Limits
    ) {
        guard let kind else { return }
        var operation = makeOperation(kind, target, context)
        operation.end(.succeeded, at: time, limits)
        put(operation)
    }

    /// Finds the operation with this id, or the operation that answered the request with this id. A
    /// record that cannot be read is an error, and never counts as absent.
    private func lookUp(_ id: UID) throws(StoreFailure) -> OperationLookup {
        if let own = try anyOperation(id) { return own }
        if let alias = try alias(id) {
            let found = try anyOperation(alias.operation)
            return found ?? .expired("the operation that answered it is no longer kept")
        }
        // An id without a time has an alias if its operation is no longer kept.
        guard let time = id.time else { return .unknown }
        // `nil` if there was no room to store the forgotten times.
        let isForgotten = try store.forgotten()?.contains(time.milliseconds) ?? true
        return isForgotten ? .expired("it may be older than what is kept") : .unknown
    }

    func found(_ id: UID) -> OperationLookup {
        do throws(StoreFailure) { return try lookUp(id) } catch {
            return .unreadable("the store: \(error)")
        }
    }

    /// Returns an operation that runs or that the store still has; `nil` without a record.
    private func anyOperation(_ id: UID) throws(StoreFailure) -> OperationLookup? {
        if let open = operation(id) { return .found(open) }
        guard let stored = try store.operation(id.recordID) else { return nil }
        do throws(RecordFault) {
            let operation = try PodOperation(record: stored.document)
            if operation.state.hasEnded { return .found(operation) }
        } catch {}
        return .expired("its record cannot be read")
    }

    private func alias(_ id: UID) throws(StoreFailure) -> Alias? {
        try store.alias(id.recordID).map {
            let operation = UID($0.operation)
            return Alias(
                operation: operation, fingerprint: operation == id ? nil : $0.fingerprint)
        }
    }

    /// Returns an ended delete by its target's uid.
    func removal(of uid: UID) -> PodOperation? {
        ended { () throws(StoreFailure) in try store.removal(ofTarget: uid.recordID) }
    }

    func removal(ofPod name: Label) -> PodOperation? {
        ended { () throws(StoreFailure) in
            try store.removal(OperationKind.podDelete.rawValue, of: name.text)
        }
    }

    func removal(ofNetwork name: Label) -> PodOperation? {
        ended { () throws(StoreFailure) in
            try store.removal(OperationKind.networkDelete.rawValue, of: name.text)
        }
    }

    func removal(ofTask name: Label, in pod: Pod) -> PodOperation? {
        ended { () throws(StoreFailure) in
            try store.removal(
                OperationKind.taskDelete.rawValue, of: name.text, in: pod.uid.recordID)
        }
    }

    /// Treats a record that cannot be read like a record that is no longer kept.
    private func ended(
        _ find: () throws(StoreFailure) -> StoredOperation?
    ) -> PodOperation? {
        do {
            guard let stored = try find() else { return nil }
            let operation = try PodOperation(record: stored.document)
            return operation.state.hasEnded ? operation : nil
        } catch { return nil }
    }

    /// Makes a new operation without putting it.
    mutating func makeOperation(
        _ kind: OperationKind, _ target: Target, _ context: RequestContext,
        grace: Int64? = nil, signal: Signal? = nil
    ) -> PodOperation {
        PodOperation(
            id: context.operationID ?? makeUID(), kind: kind, target: target,
            requester: context.requester, createdAt: time, fingerprint: context.fingerprint,
            grace: grace, signal: signal)
    }

    /// Counts one more request that is answered with a running operation. A later grace can only
    /// shorten the grace of the operation.
    mutating func join(_ operation: PodOperation, grace: Int64? = nil) -> MutationResult {
        var operation = operation
        operation.joined += 1
        if let grace { operation.grace = min(operation.grace ?? .max, grace) }
        put(operation)
        return .operation(operation)
    }
}

extension OperationLookup {
    fileprivate var operation: PodOperation? {
        if case .found(let operation) = self { return operation }
        return nil
    }
}

/// An id of another operation.
private struct Alias {
    let operation: UID
    /// The fingerprint of the request that came with the id; `nil` if only the id is still kept.
    let fingerprint: UInt64?
}
