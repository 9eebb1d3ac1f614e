// Requests about pods, by the tables of API.md.

import Bytes
package import Documents
import Host
import JSON
package import Model

extension Engine {
    /// Creates a pod. An unknown name makes a new operation, the same spec joins the create, and
    /// another spec is refused.
    package func createPod(
        _ name: Label, _ spec: PodSpec, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        var spec = spec
        spec.tasks = spec.tasks.map(raisingOOMScore)
        return try mutate(context, .podCreate) { [spec] transaction throws(Refusal) in
            if transaction.pod(name) != nil {
                // Conditions are checked after all refusals that do not depend on them (RFC 9110,
                // 13.2.1).
                let pod = try transaction.living(name)
                try context.check(entityTag: pod.entityTag)
                return try transaction.joinCreate(of: pod, spec)
            }
            try context.check(entityTag: nil)
            guard transaction.podCount < settings.limits.pods else {
                throw .tooManyPods(limit: settings.limits.pods)
            }
            let spec = try withRuntime(spec)
            try checkCgroupParent(spec)
            try checkRuntime(spec.runtime)
            if !spec.tasks.isEmpty { try checkDataDirectory() }
            for task in spec.tasks {
                let place = JSONPointer.root.appending("tasks").appending(task.name.text)
                try checkMounts(task, place, spec.runtime)
                try checkHost(task, place)
            }
            return try transaction.createPod(name, spec, context, host.routes)
        }
    }

    /// Changes labels and annotations at once, and limits by an operation.
    package func patchPod(
        _ name: Label, _ patch: PodPatch, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        let result = try mutate(context, .podUpdate) { transaction throws(Refusal) in
            var pod = try transaction.living(name)
            try context.check(entityTag: pod.entityTag)
            let before = pod.spec
            do throws(DocumentFaults) { pod.spec = try patch.applied(to: pod.spec) } catch {
                throw .documentFaults(error)
            }
            guard pod.spec != before else {
                // The stored value is a wish: the kernel may still refuse it.
                let update = transaction.openOperations(of: pod.uid).last { $0.kind == .podUpdate }
                if let update, patch.namesLimits {
                    return transaction.join(update)
                }
                return .pod(pod)
            }
            if pod.isReleased && pod.spec.resources != before.resources {
                throw .podState(pod.state)
            }
            try checkLimits(of: pod, before)
            transaction.put(pod)
            guard pod.spec.resources != before.resources else {
                return .pod(transaction.pod(name) ?? pod)
            }
            try transaction.checkRoom(for: pod.uid, settings.limits)
            var operation = transaction.makeOperation(.podUpdate, Target(pod), context)
            operation.formerResources = before.resources
            operation.wantedResources = pod.spec.resources
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
        // The pod's time after the exit of its tasks may be another one.
        if case .pod(let pod) = result, pod.spec.ttlAfterExit != nil { wake(pod.uid) }
        return result
    }

    /// Stops the tasks of a pod. With `release` also removes all that the pod holds, and keeps only
    /// the record and the logs.
    package func stopPod(
        _ name: Label, grace: Int64?, release: Bool = false, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .podStop) { transaction throws(Refusal) in
            var pod = try transaction.living(name)
            let open = transaction.openOperations(of: pod.uid)
            try context.check(entityTag: pod.entityTag)
            if let stop = open.last(where: { $0.kind == .podStop }),
                pod.isReleased || !release
            {
                return transaction.join(stop, grace: grace)
            }
            if release { pod.isReleased = true }
            if pod.state == .ready || pod.isReleased && pod.state == .stopped {
                pod.state = .stopping
            }
            var operation = transaction.makeOperation(
                .podStop, Target(pod), context, grace: grace)
            if pod.isReleased {
                operation.steps = OperationStep.removing(tasks: pod.tasks.map(\.spec.name))
            }
            transaction.put(pod)
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    /// Deletes a pod, by the table of API.md, row by row.
    package func deletePod(
        _ name: Label, uid: UID?, grace: Int64?, allowMissing: Bool, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .podDelete) { transaction throws(Refusal) in
            if let pod = transaction.pod(name), uid == nil || pod.uid == uid {
                try context.check(entityTag: pod.entityTag)
                return transaction.delete(pod, grace: grace, context)
            }
            let past = uid.map { transaction.removal(of: $0) } ?? transaction.removal(ofPod: name)
            if let past, past.kind == .podDelete { return .finished(past) }
            if let pod = transaction.pod(name) {
                throw .uidMismatch(name, current: pod.uid)
            }
            if allowMissing { return .nothing }
            throw .podUnknown(name)
        }
    }
}

extension RequestContext {
    /// Checks the conditions of a mutation (RFC 9110, section 13.2.2). `current` is `nil` if
    /// nothing exists.
    func check(entityTag current: String?) throws(Refusal) {
        let holds =
            ifMatch.map { EntityTags($0).matchesStrongly(current) }
            ?? ifNoneMatch.map { !EntityTags($0).matchesWeakly(current) }
        guard holds ?? true else { throw .conditionFailed(entityTag: current) }
    }
}

extension Transaction {
    /// Returns a pod that is not being deleted, or throws.
    func living(_ name: Label) throws(Refusal) -> Pod {
        guard let pod = pod(name) else { throw .podUnknown(name) }
        guard pod.state != .deleting else {
            throw .podDeleting(name, operation: pod.operation)
        }
        return pod
    }

    fileprivate mutating func joinCreate(
        of pod: Pod, _ spec: PodSpec
    ) throws(Refusal) -> MutationResult {
        // A default that changed since the create makes no conflict.
        var spec = spec
        spec.runtime = spec.runtime ?? pod.spec.runtime
        let differences = spec.differences(from: pod.spec)
        guard differences.isEmpty else {
            throw .specConflict(pod.name, differences: differences, operation: pod.operation)
        }
        if let id = pod.operation, let open = operation(id), open.kind.isCreate {
            return join(open)
        }
        return .pod(pod)
    }

    fileprivate mutating func createPod(
        _ name: Label, _ spec: PodSpec, _ context: RequestContext, _ routes: () -> [HostRoute]
    ) throws(Refusal) -> MutationResult {
        var pod = Pod(
            uid: makeUID(), name: name, spec: spec, state: .creating, revision: 0, createdAt: time)
        pod.interfaces = try interfaces(for: spec, pod.uid, routes)
        pod.tasks = spec.tasks.map { task in
            PodTask(uid: makeUID(), spec: task, state: .creating, revision: 0, createdAt: time)
        }
        var operation = makeOperation(.podCreate, Target(pod), context)
        operation.steps =
            [OperationStep(name: .create(.shimStart))]
            + CreateStep.makingParts(of: spec).map { OperationStep(name: .create($0)) }
            + spec.tasks.startOrder.flatMap { OperationStep.creating($0) }
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
        var operation = makeOperation(.podDelete, Target(pod), context, grace: grace)
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
