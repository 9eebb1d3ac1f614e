// Requests about the tasks of a pod.

import Documents
import EventLoop
package import Host
import JSON
import Kernel
package import Model

extension Engine {
    package func createTask(
        _ pod: Label, _ spec: TaskSpec, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        let spec = raisingOOMScore(spec)
        return try mutate(context, .taskCreate, in: pod) { transaction throws(Refusal) in
            var pod = try transaction.living(pod)
            if let task = pod[task: spec.name] {
                return try transaction.joinCreate(of: task, spec, context)
            }
            guard pod.state == .ready || pod.state == .creating else {
                throw .podState(pod.state)
            }
            guard pod.tasks.count < DocumentLimits.tasks else {
                throw .tooManyTasks(limit: DocumentLimits.tasks)
            }
            try check(spec, in: pod)
            try checkRuntime(pod.spec.runtime)
            try checkCgroupParent(pod.spec)
            try checkMounts(spec, .root, pod.spec.runtime)
            try checkHost(spec, .root)
            try checkDataDirectory()
            try transaction.checkRoom(for: pod.uid, settings.limits)
            var task = PodTask(
                uid: transaction.makeUID(), spec: spec, state: .creating, revision: 0,
                createdAt: transaction.time)
            var operation = transaction.makeOperation(
                .taskCreate, Target(pod, task), context)
            operation.steps = OperationStep.creating(lone: spec)
            task.operation = operation.id
            pod[task: spec.name] = task
            transaction.put(pod)
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    /// Refuses a create if the host lacks something now. A create that was accepted waits for it.
    func checkRuntime(_ name: String?) throws(Refusal) {
        if let why = host.createRefusal(name) { throw .runtimeUnavailable(why) }
    }

    /// The spec with the name of its runtime: the default if the request names none. Refuses a
    /// name that the settings do not have.
    func withRuntime(_ spec: PodSpec) throws(Refusal) -> PodSpec {
        let info = info
        guard let runtime = info.runtime(spec.runtime) else {
            let fault = DocumentFault(
                pointer: JSONPointer.root.appending("runtime"),
                detail: "is no runtime of the daemon's settings, which have \(info.runtimeNames)",
                isNotSupported: true)
            throw .documentFaults(DocumentFaults(faults: [fault]))
        }
        var spec = spec
        spec.runtime = runtime.name
        return spec
    }

    /// Refuses a mount that the pod's runtime or this kernel would silently leave writable. Call it
    /// after `checkRuntime`, because only a runtime that has answered has features. `place` is the
    /// task in the request.
    func checkMounts(
        _ task: TaskSpec, _ place: JSONPointer, _ runtime: String?
    ) throws(Refusal) {
        guard let index = task.mounts.firstIndex(where: \.recursiveReadOnly) else { return }
        let info = info
        guard let runtime = info.runtime(runtime), !runtime.recursiveReadOnly else { return }
        let fault = DocumentFault(
            pointer: place.appending("mounts").appending(index).appending("recursiveReadOnly"),
            detail: "needs Linux 5.12 and a runtime whose features name rro, and "
                + "\(runtime.path) \(runtime.version ?? "") on \(info.kernelRelease) "
                + "is not so",
            isNotSupported: true)
        throw .documentFaults(DocumentFaults(faults: [fault]))
    }

    /// Starts a task that was created without being started.
    package func startTask(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskStart) { transaction throws(Refusal) in
            let (pod, task) = try transaction.living(pod, name, context)
            switch task.state {
            case .created, .creating:
                return try transaction.begin(.taskStart, pod, task, context, settings.limits)
            case .exited where task.nextStart != nil:
                return try transaction.begin(.taskStart, pod, task, context, settings.limits)
            case .running, .paused, .exited, .deleting:
                throw .taskState(task.state)
            }
        }
    }

    package func stopTask(
        _ pod: Label, _ name: Label, grace: Int64?, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskStop) { transaction throws(Refusal) in
            let (pod, task) = try transaction.living(pod, name, context)
            return try transaction.begin(
                .taskStop, pod, task, context, settings.limits, grace: grace)
        }
    }

    package func signalTask(
        _ pod: Label, _ name: Label, _ signal: Signal, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskSignal) { transaction throws(Refusal) in
            let (pod, task) = try transaction.running(pod, name, context)
            return try transaction.begin(
                .taskSignal, pod, task, context, settings.limits, signal: signal)
        }
    }

    /// Runs one more process in a running task. The operation's end is the exec's. `call` is
    /// dropped if the request is a retry or refused.
    package func exec(
        _ pod: Label, _ name: Label, _ call: ExecCall, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        var made: UID?
        do throws(Refusal) {
            return try mutate(context, .taskExec) { transaction throws(Refusal) in
                let (pod, task) = try transaction.running(pod, name, context)
                if case .paused = task.state { throw .taskState(task.state) }
                try transaction.checkRoom(for: pod.uid, settings.limits)
                let operation = transaction.makeOperation(
                    .taskExec, Target(pod, task), context)
                transaction.put(operation)
                // Before the transaction's end, because the operation may begin at once.
                execCalls.put(call, operation.id)
                made = operation.id
                return .operation(transaction.operation(operation.id) ?? operation)
            }
        } catch {
            if let made { _ = execCalls.take(made) }
            throw error
        }
    }

    /// Makes a client's connection the stream of an exec that runs. Calls `refused` if that is not
    /// possible; the connection is then still the client's.
    package func attach(
        _ connection: any ExecConnection, to exec: PodOperation,
        refused: @escaping @Sendable (Failure) -> Void
    ) {
        onLoop { [self] in
            guard case .task(let task) = exec.target else { return }
            let pod = task.pod.uid
            let failure = await controllers.controller(of: pod, self).attach(exec, connection)
            if let failure { refused(failure) }
        }
    }

    /// Refuses a client of a task that has no process, or soon has none.
    package func checkAttach(_ pod: Pod, _ task: PodTask) throws(Refusal) {
        guard pod.state == .ready else { throw .podState(pod.state) }
        switch task.state {
        case .created, .running, .paused: break
        case .creating, .exited, .deleting: throw .taskState(task.state)
        }
    }

    /// Makes a client's connection a stream of the task's own input and output. Calls `told` when
    /// the shim has it, or with the reason if that is not possible; the connection is then still
    /// the client's.
    package func attach(
        _ connection: any ExecConnection, to task: Label, of pod: UID,
        told: @escaping @Sendable (Failure?) -> Void
    ) {
        onLoop { [self] in
            let controller = controllers.controller(of: pod, self)
            told(await controller.attach(connection, to: task))
        }
    }

    /// The execs of a task that have not ended, the oldest first.
    package func execs(of task: PodTask, in pod: UID) -> [PodOperation] {
        registry.openOperations(of: pod).filter {
            $0.kind == .taskExec && $0.target.uid == task.uid
        }
    }

    /// Freezes the processes of a running task.
    package func pauseTask(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try freeze(.taskPause, pod, name, context)
    }

    /// Thaws the processes of a paused task.
    package func resumeTask(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try freeze(.taskResume, pod, name, context)
    }

    /// An operation also if the state is the wanted one already: the processes may have been frozen
    /// or thawed by others, and an open operation may change it.
    private func freeze(
        _ kind: OperationKind, _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, kind) { transaction throws(Refusal) in
            let (pod, task) = try transaction.running(pod, name, context)
            return try transaction.begin(kind, pod, task, context, settings.limits)
        }
    }

    /// Opens the log file that the client names anew, by its path. A task that has ended is
    /// refused: its whole log is in the file that the client has renamed, and an empty file would
    /// take its place.
    package func reopenLog(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskReopenLog) { transaction throws(Refusal) in
            let (pod, task) = try transaction.living(pod, name, context)
            switch task.state {
            case .created, .running, .paused: break
            case .exited where task.nextStart != nil: break
            case .creating, .exited, .deleting: throw .taskState(task.state)
            }
            guard task.spec.log.path != nil else { throw .logHasNoPath }
            return try transaction.begin(.taskReopenLog, pod, task, context, settings.limits)
        }
    }

    /// Deletes a task, by the delete's table, inside the pod.
    package func deleteTask(
        _ pod: Label, _ name: Label, uid: UID?, grace: Int64?, allowMissing: Bool,
        _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskDelete) { transaction throws(Refusal) in
            guard let pod = transaction.pod(pod) else {
                if allowMissing { return .nothing }
                throw .podUnknown(pod)
            }
            if let task = pod[task: name], uid == nil || task.uid == uid {
                return try transaction.delete(task, of: pod, grace: grace, context)
            }
            let past =
                uid.map { transaction.removal(of: $0) }
                ?? transaction.removal(ofTask: name, in: pod)
            if let past, past.kind == .taskDelete { return .finished(past) }
            if let task = pod[task: name] {
                throw .uidMismatch(name, current: task.uid)
            }
            if allowMissing { return .nothing }
            throw .taskUnknown(name)
        }
    }
}

extension Transaction {
    /// Returns a task that is not being deleted, in a pod that is not being deleted.
    func living(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> (Pod, PodTask) {
        let pod = try living(pod)
        guard let task = pod[task: name] else { throw .taskUnknown(name) }
        if case .deleting = task.state {
            throw .taskDeleting(name, operation: task.operation)
        }
        try context.check(entityTag: task.entityTag)
        return (pod, task)
    }

    /// The same for a task whose program runs, be it paused.
    fileprivate func running(
        _ pod: Label, _ name: Label, _ context: RequestContext
    ) throws(Refusal) -> (Pod, PodTask) {
        let (pod, task) = try living(pod, name, context)
        switch task.state {
        case .running, .paused: return (pod, task)
        case .creating, .created, .exited, .deleting: throw .taskState(task.state)
        }
    }

    fileprivate mutating func joinCreate(
        of task: PodTask, _ spec: TaskSpec, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        if case .deleting = task.state {
            throw .taskDeleting(spec.name, operation: task.operation)
        }
        try context.check(entityTag: task.entityTag)
        let differences = spec.differences(from: task.spec)
        guard differences.isEmpty else {
            throw .specConflict(spec.name, differences: differences)
        }
        if let id = task.operation, let open = operation(id) { return join(open) }
        return .task(task)
    }

    /// Begins an operation on a task. It joins a running operation of the same kind, unless each
    /// one does its work anew.
    fileprivate mutating func begin(
        _ kind: OperationKind, _ pod: Pod, _ task: PodTask, _ context: RequestContext,
        _ limits: Limits, grace: Int64? = nil, signal: Signal? = nil
    ) throws(Refusal) -> MutationResult {
        if !kind.isBesideOthers {
            let open = openOperations(of: pod.uid)
            if let same = open.first(where: { $0.kind == kind && $0.target.uid == task.uid }) {
                return join(same, grace: grace)
            }
        }
        if !kind.releasesResources { try checkRoom(for: pod.uid, limits) }
        let operation = makeOperation(
            kind, Target(pod, task), context, grace: grace, signal: signal)
        put(operation)
        return .operation(self.operation(operation.id) ?? operation)
    }

    fileprivate mutating func delete(
        _ task: PodTask, of pod: Pod, grace: Int64?, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        if pod.state == .deleting {
            throw .podDeleting(pod.name, operation: pod.operation)
        }
        try context.check(entityTag: task.entityTag)
        let open = openOperations(of: pod.uid).filter { $0.target.uid == task.uid }
        if let delete = open.first(where: { $0.kind == .taskDelete }) {
            return join(delete, grace: grace)
        }
        var operation = makeOperation(
            .taskDelete, Target(pod, task), context, grace: grace)
        operation.steps = OperationStep.removing(task: task.spec.name)
        for var create in open where create.kind.isCreate {
            create.state = .canceling
            create.supersededBy = operation.id
            put(create)
        }
        var (pod, task) = (pod, task)
        task.state = .deleting(task.state.exit)
        task.operation = operation.id
        pod[task: task.spec.name] = task
        put(pod)
        put(operation)
        return .operation(self.operation(operation.id) ?? operation)
    }
}
