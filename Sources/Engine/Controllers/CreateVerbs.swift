// Carries out pod.create, task.create and task.start. If a create fails, the usual teardown undoes
// it.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol
import Teardown

extension PodController {
    func createPod(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid) else { return }
        do throws(Failure) {
            // Checked first, so that no shim is started for a pod that is being deleted.
            try checkGoing(operation)
            try await awaitRuntime(of: pod, .shimStart, nil, operation)
            try checkParent(of: pod, .shimStart)
            let link = try await step(.shimStart, nil, operation, inTurn: true) {
                () async throws(Failure) in
                do { try self.host.limit(self.uid, pod.spec.resources) } catch {
                    throw Failure(refusedLimits: "\(error)")
                }
                return try await self.ensureShim(pod)
            }
            for part in CreateStep.makingParts(of: pod.spec) {
                if part == .networkAttach, pod.spec.network.cni != nil {
                    try await attachNetworks(operation)
                } else {
                    try await make(part, of: pod, link, operation)
                }
            }
            try await makeTasks(of: pod, link, operation)
            try checkGoing(operation)
        } catch { return await undoPod(operation, error) }
        let shim = self.shim
        let isDone = await engine.registry.end(
            operation.id, .succeeded, unlessCalledOff: true, engine
        ) { transaction, _ in
            guard var pod = transaction.pod(operation.target.pod) else { return }
            pod.state = .ready
            pod.operation = nil
            pod.shim = shim
            transaction.put(pod)
        }
        if !isDone { await undoPod(operation, Failure(.podDeleting, "called off")) }
    }

    /// Undoes the whole create. Then the name is free, unless a delete has taken over.
    private func undoPod(_ operation: PodOperation, _ failure: Failure) async {
        let superseded = engine.registry.openOperation(operation.id)?.supersededBy != nil
        if superseded {
            await engine.registry.end(operation.id, .canceled, engine) { _, _ in }
            return
        }
        engine.log.write(.warning, "create failed, undoing", ["error": failure.detail])
        let proof = await tearDown(operation, grace: { _ in 0 }, keepingLogs: false)
        await engine.registry.end(operation.id, .failed, error: failure, engine) {
            transaction, ended in
            ended.undoSteps()
            // A delete that came meanwhile removes the record itself.
            guard ended.supersededBy == nil, let pod = transaction.pod(operation.target.pod) else {
                return
            }
            for task in pod.tasks { ended.exits[task.spec.name] = task.state.exit }
            transaction.remove(pod, proof)
        }
        if engine.registry.pod(uid) == nil { engine.controllers.forget(uid) }
    }

    /// Removes all that the record names, and what the machine shows beyond it.
    func tearDown(
        _ operation: PodOperation, grace: @escaping @Sendable (Label) -> Int64?, keepingLogs: Bool
    ) async -> NothingLeft {
        let recorded = engine.registry.pod(uid)?.tasks.map(\.spec.name) ?? []
        let left = host.tasksLeft(uid, in: engine.workloads(of: uid))
        let tasks = recorded + left.filter { !recorded.contains($0) }
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let removal = PodRemoval(
            self, journal, grace: grace, keepsLogs: keepingLogs, isPodGoing: true)
        return await Teardown(remover: removal, journal: journal).run(pod: uid, tasks: tasks)
    }

    func createTask(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid), let name = operation.target.task,
            let task = pod[task: name]
        else { return }
        do throws(Failure) {
            guard pod.state == .ready else {
                throw Failure(.podState, "the pod is \(pod.state.rawValue)")
            }
            try await awaitTasks(before: task.spec, operation)
            let link = try liveShim()
            try await make(task, of: pod, link, operation)
            try checkGoing(operation)
        } catch { return await undoTask(operation, task, error) }
        let isDone = await engine.registry.end(
            operation.id, .succeeded, unlessCalledOff: true, engine
        ) { transaction, _ in
            guard var pod = transaction.pod(operation.target.pod) else { return }
            pod[task: name]?.operation = nil
            transaction.put(pod)
        }
        if !isDone { await undoTask(operation, task, Failure(.taskDeleting, "called off")) }
    }

    private func undoTask(_ operation: PodOperation, _ task: PodTask, _ failure: Failure) async {
        if engine.registry.openOperation(operation.id)?.supersededBy != nil {
            await engine.registry.end(operation.id, .canceled, engine) { _, _ in }
            return
        }
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let removal = PodRemoval(self, journal, grace: { _ in 0 })
        let proof = await Teardown(remover: removal, journal: journal)
            .run(task: task.spec.name, uid: task.uid)
        await engine.registry.end(operation.id, .failed, error: failure, engine) {
            transaction, ended in
            ended.undoSteps()
            guard ended.supersededBy == nil, let pod = transaction.pod(operation.target.pod) else {
                return
            }
            transaction.remove(task.spec.name, of: pod, proof)
        }
    }

    /// Asks the shim, and once more over a new connection if the shim has hung up and lives on.
    /// Each request can be repeated.
    private func ask(_ link: any ShimClient, _ request: ShimRequest) async -> ShimReply? {
        if let reply = await link.ask(request) { return reply }
        do throws(SystemCallFailure) { return try await connectIfAlive()?.ask(request) } catch {
            return nil
        }
    }

    /// The runtime's path is that of its last look. The shim keeps it, so that a delete needs no
    /// settings. The document of a mount may have the name of a runtime that left the settings; the
    /// create waits for the runtime, and its document replaces the former one.
    private func document(of task: PodTask, in pod: Pod) -> TaskDocument {
        let runtime = engine.info.runtime(pod.spec.runtime)
        return TaskDocument(
            runtime: runtime?.path ?? pod.spec.runtime ?? "", id: "\(task.uid)",
            lower: task.spec.rootfs, user: "\(task.spec.user)", startsAtOnce: task.spec.start,
            groups: task.spec.security.groups.map(\.description),
            groupsFromRootfs: task.spec.security.groupsFromRootfs,
            refusesHybrid: runtime?.refusesHybrid ?? false, log: LogLimits(task.spec.log))
    }

    /// Makes one part of the pod.
    private func make(
        _ name: CreateStep, of pod: Pod, _ link: any ShimClient, _ operation: PodOperation
    ) async throws(Failure) {
        guard let part = name.part else { return }
        try checkGoing(operation)
        try await step(name, nil, operation, inTurn: true) { () async throws(Failure) in
            try await part.prepare(pod, self.engine)
            let document = part.document(for: pod, self.engine)
            let reply = await self.ask(link, .makePart(name: part.name, document: document))
            guard case .done? = reply else { throw Failure(reply, name) }
        }
    }

    /// Makes one task, from its rootfs to its first process.
    func make(
        _ task: PodTask, of pod: Pod, _ link: any ShimClient, _ operation: PodOperation
    ) async throws(Failure) {
        let spec = task.spec
        if spec.security.isPrivileged {
            engine.log.write(
                .warning, "a task is privileged",
                ["pod": pod.name.text, "task": spec.name.text, "uid": "\(task.uid)"])
        }
        try checkGoing(operation)
        let user = try await step(.rootfsMount, spec.name, operation, inTurn: true) {
            () async throws(Failure) in
            try await self.checkShim(for: spec, link)
            do throws(SystemCallFailure) {
                // The networks' plugins have told names and addresses since.
                try await self.host.writeNames(self.engine.registry.pod(self.uid) ?? pod)
                try self.host.writePlaces(pod, spec)
            } catch {
                throw Failure(.shimFailed, "\(error)", step: .create(.rootfsMount))
            }
            let reply = await self.ask(
                link, .mount(task: spec.name.text, self.document(of: task, in: pod)))
            guard case .mounted(let user)? = reply else { throw Failure(reply, .rootfsMount) }
            return user
        }
        try checkGoing(operation)
        try await openLog(of: task, operation) { request in await self.ask(link, request) }
        try checkGoing(operation)
        try await awaitRuntime(of: pod, .taskCreate, spec.name, operation)
        try checkParent(of: pod, .taskCreate)
        let process = try await step(.taskCreate, spec.name, operation, inTurn: true) {
            () async throws(Failure) in
            do throws(Failure) { try await self.host.writeBundle(pod, spec, as: user) } catch {
                throw Failure(cause: error.cause, detail: error.detail, step: .create(.taskCreate))
            }
            let present = self.engine.registry.pod(self.uid)?[task: spec.name] ?? task
            try await self.setRestart(of: present) { request in await self.ask(link, request) }
            try await self.setInput(of: spec) { request in await self.ask(link, request) }
            try await self.setHealth(of: present, in: pod) { request in
                await self.ask(link, request)
            }
            let reply = await self.ask(
                link, .create(task: spec.name.text, self.document(of: task, in: pod)))
            guard case .running(let process)? = reply else { throw Failure(reply, .taskCreate) }
            return process
        }
        record(process, of: spec)
        await learnAttempts(of: spec.name, from: link)
        await learnHealth(of: spec.name, from: link)
    }

    /// Waits while the runtime cannot be used, and shows the reason. An accepted create does not
    /// fail for that, and is never made with less, for example without a filter.
    private func awaitRuntime(
        of pod: Pod, _ name: CreateStep, _ task: Label?, _ operation: PodOperation
    ) async throws(Failure) {
        let runtime = pod.spec.runtime
        guard host.createRefusal(runtime) != nil else { return }
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let step = ShownStep(.create(name), task)
        journal.began(step)
        var told: String?
        while let why = host.createRefusal(runtime) {
            if why != told { journal.waits(step, for: Blocker(why)) }
            told = why
            await Loop.shared.reactor.pause(milliseconds: 500)
            do throws(Failure) { try checkGoing(operation) } catch {
                journal.failed(step, why)
                throw error
            }
        }
        journal.resumes(step)
    }

    /// Others may remove a client's parent at any moment. The shim looks again.
    private func checkParent(of pod: Pod, _ step: CreateStep) throws(Failure) {
        guard let parent = pod.spec.cgroupParent, !host.hasCgroup(parent) else { return }
        throw Failure(
            .cgroupParentMissing, "no cgroup hierarchy has \(parent)", step: .create(step))
    }

    private func record(_ process: ProcessIdentity, of spec: TaskSpec) {
        let now = EngineClock.now
        engine.registry.update(uid, engine) { pod in
            guard var task = pod[task: spec.name], task.state == .creating else { return }
            task.state = spec.start ? .running(process) : .created(process)
            task.startedAt = spec.start ? now : nil
            pod[task: spec.name] = task
        }
    }

    /// Throws if a cancel or a delete has come in between.
    func checkGoing(_ operation: PodOperation) throws(Failure) {
        guard engine.registry.openOperation(operation.id)?.state == .canceling else { return }
        throw Failure(.podDeleting, "called off")
    }

    func startTask(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid), let name = operation.target.task else { return }
        do throws(Failure) {
            switch pod[task: name]?.state {
            case .created?: break
            case .exited? where pod[task: name]?.nextStart != nil: break
            case .running?:
                await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
                return
            case let state:
                throw Failure(.taskState, "the task is \(state?.name ?? "gone")")
            }
            let link = try liveShim()
            try await step(.taskStart, name, operation, inTurn: true) { () async throws(Failure) in
                let reply = await link.ask(.start(task: name.text))
                guard case .done? = reply else { throw Failure(reply, .taskStart) }
            }
            await learnAttempts(of: name, from: link)
        } catch {
            await engine.registry.end(operation.id, .failed, error: error, engine) { _, _ in
            }
            return
        }
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, _ in
            guard var pod = transaction.pod(operation.target.pod), var task = pod[task: name],
                case .created(let process) = task.state
            else { return }
            task.state = .running(process)
            task.startedAt = transaction.time
            pod[task: name] = task
            transaction.put(pod)
        }
    }

    /// Runs one step and shows it. If `inTurn`, the step first waits for a place in `StageGate`.
    func step<Result: Sendable>(
        _ name: CreateStep, _ object: Label?, _ operation: PodOperation, inTurn: Bool = false,
        _ body: @Loop () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let step = ShownStep(.create(name), object)
        journal.began(step)
        do throws(Failure) {
            let place = inTurn ? try await turn(of: operation) : nil
            defer { place?.leave() }
            journal.hasTurn(step)
            let result = try await body()
            journal.ended(step, skipped: false)
            return result
        } catch {
            journal.failed(step, error.detail)
            throw error
        }
    }

    private func turn(of operation: PodOperation) async throws(Failure) -> StagePlace {
        if let place = await engine.gate.enter(operation.id, of: uid) { return place }
        throw Failure(.podDeleting, "called off")
    }
}

extension PodOperation {
    /// Marks the finished steps of the create as undone, not the steps of the teardown.
    fileprivate mutating func undoSteps() {
        for index in steps.indices {
            if case (.create, .succeeded) = (steps[index].name, steps[index].state) {
                steps[index].state = .undone
            }
        }
        steps.removeAll { $0.state == .pending }
    }
}

extension Failure {
    /// Makes a failure of a shim's reply that is not the expected reply.
    init(_ reply: ShimReply?, _ step: CreateStep) {
        switch reply {
        case .failed(let fault, let detail, _)?: self.init(fault, detail, step)
        case .stillThere(let reason, _)?: self.init(.shimFailed, reason, step: .create(step))
        case .status?, .mounted?, .running?, .done?, .attempts?, .execs?, .health?:
            self.init(.shimFailed, "a reply that fits nothing", step: .create(step))
        case nil: self.init(.shimFailed, "the shim hung up", step: .create(step))
        }
    }

    init(_ fault: ShimFault, _ detail: String, _ step: CreateStep) {
        switch fault {
        case .rootfsMissing: self.init(.rootfsMissing, detail, step: .create(step))
        case .rootfsNotDirectory: self.init(.rootfsNotDirectory, detail, step: .create(step))
        case .mountRefused: self.init(.rootfsRefused, detail, step: .create(step))
        case .userUnknown: self.init(.userUnknown, detail, step: .create(step))
        case .runtime, .programMissing, .programRefused:
            self.init(.runtimeRefused, detail, step: .create(step))
        case .sourceMissing: self.init(.mountSourceMissing, detail, step: .create(step))
        case .notShared: self.init(.mountSourceNotShared, detail, step: .create(step))
        case .targetRefused: self.init(.mountTargetRefused, detail, step: .create(step))
        case .logRefused: self.init(.logPathRefused, detail, step: .create(step))
        case .portTaken: self.init(.portTaken, detail, step: .create(step))
        case .system where step == .networkAttach, .interrupted where step == .networkAttach:
            self.init(.networkFailed, detail, step: .create(step))
        case .system where step == .resourcesUpdate:
            self.init(refusedLimits: detail)
        case .system where step == .sysctlsSet:
            self.init(.sysctlRefused, detail, step: .create(step))
        case .interrupted where step == .logOpen: self.init(.taskState, detail, step: .create(step))
        case .notRunning, .state: self.init(.taskState, detail, step: .create(step))
        case .interrupted, .system: self.init(.shimFailed, detail, step: .create(step))
        }
    }
}

extension LogLimits {
    fileprivate init(_ log: LogSpec) {
        self.init(
            maxSize: Int(clamping: log.maxSize ?? .max),
            maxFiles: Int(clamping: log.maxFiles ?? .max), blocks: log.onStall == .block)
    }
}
