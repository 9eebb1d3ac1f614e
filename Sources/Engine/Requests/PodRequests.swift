// Requests about pods, by the tables of API.md.

import Bytes
package import Documents
import Host
import JSON
package import Model

extension Engine {
    /// Creates a pod. An unknown name makes a new operation, the same spec joins the create, and
    /// another spec is refused with 409.
    package func createPod(
        _ name: Label, _ spec: PodSpec, _ context: RequestContext
    ) throws(Problem) -> MutationResult {
        try mutate(context, .podCreate) { transaction throws(Problem) in
            if transaction.pod(name) != nil {
                // Conditions are checked after all refusals that do not depend on them (RFC 9110,
                // 13.2.1).
                let pod = try transaction.living(name, context)
                try context.check(entityTag: pod.entityTag)
                return try transaction.joinCreate(of: pod, spec, context)
            }
            try context.check(entityTag: nil)
            guard transaction.podCount < settings.limits.pods else {
                throw Problem(
                    .tooManyPods, "\(settings.limits.pods) pods are allowed",
                    instance: context.instance)
            }
            try checkRuntime(context)
            if !spec.tasks.isEmpty { try checkDataDirectory(context) }
            for task in spec.tasks {
                try checkMounts(task, .root.appending("tasks").appending(task.name.text), context)
            }
            return transaction.createPod(name, spec, context)
        }
    }

    /// Changes labels and annotations at once, and limits by an operation.
    package func patchPod(
        _ name: Label, _ patch: PodPatch, _ context: RequestContext
    ) throws(Problem) -> MutationResult {
        try mutate(context, .podUpdate) { transaction throws(Problem) in
            var pod = try transaction.living(name, context)
            try context.check(entityTag: pod.entityTag)
            let before = pod.spec
            do throws(DocumentFaults) { pod.spec = try patch.applied(to: pod.spec) } catch {
                throw Problem(error, instance: context.instance)
            }
            guard pod.spec != before else {
                // The stored value is a wish: the kernel may still refuse it.
                let update = transaction.openOperations(of: pod.uid).last { $0.kind == .podUpdate }
                if let update, patch.namesLimits {
                    return transaction.join(update)
                }
                return .pod(pod)
            }
            try checkLimits(of: pod, before, context)
            transaction.put(pod)
            guard pod.spec.resources != before.resources else {
                return .pod(transaction.pod(name) ?? pod)
            }
            try transaction.checkRoom(for: pod.uid, settings.limits, context)
            var operation = transaction.makeOperation(.podUpdate, OperationTarget(pod), context)
            operation.formerResources = before.resources
            operation.wantedResources = pod.spec.resources
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    package func stopPod(
        _ name: Label, grace: Int64?, _ context: RequestContext
    ) throws(Problem) -> MutationResult {
        try mutate(context, .podStop) { transaction throws(Problem) in
            var pod = try transaction.living(name, context)
            let open = transaction.openOperations(of: pod.uid)
            try context.check(entityTag: pod.entityTag)
            if let stop = open.first(where: { $0.kind == .podStop }) {
                return transaction.join(stop, grace: grace)
            }
            if pod.state == .ready { pod.state = .stopping }
            let operation = transaction.makeOperation(
                .podStop, OperationTarget(pod), context, grace: grace)
            transaction.put(pod)
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    /// Deletes a pod, by the table of API.md, row by row.
    package func deletePod(
        _ name: Label, uid: UID?, grace: Int64?, allowMissing: Bool, _ context: RequestContext
    ) throws(Problem) -> MutationResult {
        try mutate(context, .podDelete) { transaction throws(Problem) in
            if let pod = transaction.pod(name), uid == nil || pod.uid == uid {
                try context.check(entityTag: pod.entityTag)
                return transaction.delete(pod, grace: grace, context)
            }
            let past = uid.map { transaction.removal(of: $0) } ?? transaction.removal(ofPod: name)
            if let past, past.kind == .podDelete { return .finished(past) }
            if let pod = transaction.pod(name) {
                throw Problem(
                    .uidMismatch, "\(name) is \(pod.uid) now", instance: context.instance,
                    currentUid: pod.uid)
            }
            if allowMissing { return .nothing }
            throw Problem(.podUnknown, "no pod \(name)", instance: context.instance)
        }
    }
}

extension RequestContext {
    /// Checks the conditions of a mutation (RFC 9110, section 13.2.2). `current` is `nil` if
    /// nothing exists.
    func check(entityTag current: String?) throws(Problem) {
        let holds =
            ifMatch.map { EntityTags($0).matchesStrongly(current) }
            ?? ifNoneMatch.map { !EntityTags($0).matchesWeakly(current) }
        if holds ?? true { return }
        throw Problem(
            .preconditionFailed, "the entity tag is \(current ?? "none: there is no such thing")",
            instance: instance)
    }
}

extension Transaction {
    /// Returns a pod that is not being deleted, or throws.
    func living(_ name: Label, _ context: RequestContext) throws(Problem) -> Pod {
        guard let pod = pod(name) else {
            throw Problem(.podUnknown, "no pod \(name)", instance: context.instance)
        }
        guard pod.state != .deleting else {
            throw Problem(
                .podDeleting, "\(name) is being deleted", instance: context.instance,
                operation: pod.operation)
        }
        return pod
    }

    fileprivate mutating func joinCreate(
        of pod: Pod, _ spec: PodSpec, _ context: RequestContext
    ) throws(Problem) -> MutationResult {
        let differences = spec.differences(from: pod.spec)
        guard differences.isEmpty else {
            throw Problem(
                .specConflict, "\(pod.name) exists with another spec", instance: context.instance,
                operation: pod.operation, errors: differences)
        }
        if let id = pod.operation, let open = operation(id), open.kind.isCreate {
            return join(open)
        }
        return .pod(pod)
    }

    fileprivate mutating func createPod(
        _ name: Label, _ spec: PodSpec, _ context: RequestContext
    ) -> MutationResult {
        var pod = Pod(
            uid: makeUID(), name: name, spec: spec, state: .creating, revision: 0, createdAt: time)
        pod.tasks = spec.tasks.map { task in
            PodTask(uid: makeUID(), spec: task, state: .creating, revision: 0, createdAt: time)
        }
        var operation = makeOperation(.podCreate, OperationTarget(pod), context)
        operation.steps =
            [OperationStep(name: .create(.shimStart))]
            + spec.tasks.flatMap { OperationStep.creating($0) }
        pod.operation = operation.id
        put(pod)
        put(operation)
        return .operation(self.operation(operation.id) ?? operation)
    }

    mutating func delete(
        _ pod: Pod, grace: Int64?, _ context: RequestContext
    ) -> MutationResult {
        let open = openOperations(of: pod.uid)
        if let delete = open.first(where: { $0.kind == .podDelete }) {
            return join(delete, grace: grace)
        }
        var operation = makeOperation(.podDelete, OperationTarget(pod), context, grace: grace)
        operation.steps = OperationStep.removing(tasks: pod.tasks.map(\.spec.name))
        for var create in open where create.kind.isCreate {
            create.state = .canceling
            create.supersededBy = operation.id
            put(create)
        }
        var pod = pod
        pod.state = .deleting
        pod.operation = operation.id
        for index in pod.tasks.indices {
            pod.tasks[index].state = .deleting(pod.tasks[index].state.exit)
        }
        put(pod)
        put(operation)
        return .operation(self.operation(operation.id) ?? operation)
    }
}
