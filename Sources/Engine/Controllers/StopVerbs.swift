// Carries out pod.stop, pod.update, pod.delete, task.stop, task.signal, task.pause, task.resume,
// task.reopenLog and task.delete.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol
import Teardown

extension PodController {
    func deletePod(_ operation: PodOperation) async {
        let grace = graceOf(operation)
        let proof = await tearDown(operation, grace: grace, keepingLogs: false)
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            guard let pod = transaction.pod(operation.target.pod) else { return }
            for task in pod.tasks { ended.exits[task.spec.name] = task.state.exit }
            transaction.remove(pod, proof)
        }
        engine.controllers.forget(uid)
    }

    /// Removes what a lost pod held. Its record and its logs stay for the client.
    func cleanUpPod(_ operation: PodOperation) async {
        let proof = await tearDown(operation, grace: { _ in 0 }, keepingLogs: true)
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            guard var pod = transaction.pod(uid: operation.target.uid) else { return }
            pod.release(proof)
            for task in pod.tasks { ended.exits[task.spec.name] = task.state.exit }
            if pod.operation == operation.id { pod.operation = nil }
            transaction.put(pod)
        }
    }

    /// Removes an object that has our mark and no record, by the delete's own steps.
    func removeOrphan(_ operation: PodOperation) async {
        _ = await tearDown(operation, grace: { _ in 0 }, keepingLogs: false)
        await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        engine.noteOrphanGone(uid)
        engine.controllers.forget(uid)
    }

    /// Returns the grace at the moment of the call. A later request, or a delete that waits for
    /// this operation, may have shortened it.
    private func graceOf(_ operation: PodOperation) -> @Sendable (Label) -> Int64? {
        { [registry = engine.registry, uid] task in
            registry.openOperations(of: uid)
                .filter { other in
                    other.id == operation.id
                        || other.kind.isDelete
                            && (other.target.task == nil || other.target.task == task)
                }
                .compactMap(\.grace).min()
        }
    }

    func deleteTask(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid), let name = operation.target.task,
            let task = pod[task: name]
        else { return }
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let removal = PodRemoval(self, journal, grace: graceOf(operation))
        let proof = await Teardown(remover: removal, journal: journal).run(
            task: name, uid: task.uid)
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            guard let pod = transaction.pod(operation.target.pod) else { return }
            ended.exits[name] = pod[task: name]?.state.exit
            transaction.remove(name, of: pod, proof)
        }
    }

    func stopPod(_ operation: PodOperation) async {
        if engine.registry.pod(uid)?.isReleased ?? false { return await releasePod(operation) }
        let tasks = engine.registry.pod(uid)?.tasks ?? []
        await withDiscardingTaskGroup { group in
            for task in tasks { group.addTask { await self.stop(task, operation) } }
        }
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            guard var pod = transaction.pod(operation.target.pod) else { return }
            for task in pod.tasks { ended.exits[task.spec.name] = task.state.exit }
            // A release that came meanwhile is still to be done.
            if !pod.isReleased && (pod.state == .stopping || pod.state == .ready) {
                pod.state = .stopped
            }
            transaction.put(pod)
        }
    }

    /// Removes all that the pod holds but its record and its logs.
    private func releasePod(_ operation: PodOperation) async {
        let proof = await tearDown(operation, grace: graceOf(operation), keepingLogs: true)
        shim = nil
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            guard var pod = transaction.pod(uid: operation.target.uid) else { return }
            for task in pod.tasks { ended.exits[task.spec.name] = task.state.exit }
            pod.release(proof)
            pod.shim = nil
            if pod.state == .stopping { pod.state = .stopped }
            transaction.put(pod)
        }
    }

    func stopTask(_ operation: PodOperation) async {
        guard let name = operation.target.task, let task = engine.registry.pod(uid)?[task: name]
        else { return }
        await stop(task, operation)
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, ended in
            ended.exits[name] = transaction.pod(operation.target.pod)?[task: name]?.state.exit
        }
    }

    /// Ends one task. Like a teardown's first step, it does not give up.
    private func stop(_ task: PodTask, _ operation: PodOperation) async {
        let step = TeardownStep(.tasksStop, task: task.spec.name)
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let removal = PodRemoval(self, journal, grace: graceOf(operation))
        journal.began(step)
        while case .blocked(let blocker) = await removal.remove(step) {
            journal.waits(step, for: blocker)
            await removal.nextChange(step)
        }
        journal.ended(step, skipped: false)
    }

    func signalTask(_ operation: PodOperation) async {
        guard let name = operation.target.task, let signal = operation.signal else { return }
        do throws(Failure) {
            let link = try liveShim()
            try await step(.taskSignal, name, operation) { () async throws(Failure) in
                let reply = await link.ask(.signal(task: name.text, number: signal.number))
                guard case .done? = reply else { throw Failure(reply, .taskSignal) }
            }
            await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        } catch {
            await engine.registry.end(operation.id, .failed, error: error, engine) { _, _ in }
        }
    }

    /// Pauses or resumes a task.
    func freezeTask(_ operation: PodOperation, isPause: Bool) async {
        guard let name = operation.target.task else { return }
        let stepName = isPause ? CreateStep.taskPause : .taskResume
        do throws(Failure) {
            let link = try liveShim()
            try await step(stepName, name, operation) { () async throws(Failure) in
                let reply = await link.ask(.freeze(task: name.text, isPause))
                guard case .done? = reply else { throw Failure(reply, stepName) }
            }
            // The task may have been restarted just before.
            await learnAttempts(of: name, from: link)
        } catch {
            await engine.registry.end(operation.id, .failed, error: error, engine) { _, _ in }
            return
        }
        let frozen = engine.registry.pod(uid)?[task: name]?.state.process
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, _ in
            guard var pod = transaction.pod(operation.target.pod), var task = pod[task: name]
            else { return }
            switch task.state {
            case .running(let process), .paused(let process):
                guard process == frozen else { return }  // it was restarted since
                task.state = isPause ? .paused(process) : .running(process)
            case .creating, .created, .exited, .deleting: return  // it has ended since
            }
            pod[task: name] = task
            transaction.put(pod)
        }
    }

    func reopenLog(_ operation: PodOperation) async {
        guard let name = operation.target.task, let task = engine.registry.pod(uid)?[task: name]
        else { return }
        do throws(Failure) {
            let link = try liveShim()
            try await openLog(of: task, operation) { request in await link.ask(request) }
            await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        } catch {
            await engine.registry.end(operation.id, .failed, error: error, engine) { _, _ in }
        }
    }

    /// Lets the shim open the log file that the client names; the shim makes the file if it is
    /// missing.
    func openLog(
        of task: PodTask, _ operation: PodOperation,
        _ ask: @Loop (ShimRequest) async -> ShimReply?
    ) async throws(Failure) {
        guard let path = task.spec.log.path else { return }
        let name = task.spec.name
        try await step(.logOpen, name, operation) { () async throws(Failure) in
            guard let root = self.engine.layout.settings.logRoot(of: path) else {
                throw Failure(
                    .logPathRefused, "no --log-root contains \(path)", step: .create(.logOpen))
            }
            let log = ClientLog(root: root, path: path)
            let reply = await ask(.openLog(task: name.text, log))
            guard case .done? = reply else { throw Failure(reply, .logOpen) }
        }
    }

    func updatePod(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid) else { return }
        let wanted = operation.wantedResources ?? pod.spec.resources
        do throws(Failure) {
            guard pod.state != .lost && pod.state != .deleting else {
                throw Failure(.podState, "the pod is \(pod.state.rawValue)")
            }
            try await step(.resourcesUpdate, nil, operation) { () async throws(Failure) in
                if let refusal = await self.refusal(of: wanted) { throw refusal }
            }
            await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        } catch {
            await takeBack(wanted, operation, error)
        }
    }

    private func refusal(of resources: Resources) async -> Failure? {
        do throws(SystemCallFailure) {
            let blocker = try await host.limitAgain(uid, resources)
            return blocker.map { Failure(refusedLimits: $0.reason) }
        } catch { return Failure(refusedLimits: "\(error)") }
    }

    /// Restores the former limits in the record and, if some were written, in the kernel. If a
    /// later update has changed the limits since, the record keeps the later limits. If the later
    /// update would fall back to the refused limits, it now falls back to the former limits.
    private func takeBack(
        _ refused: Resources, _ operation: PodOperation, _ failure: Failure
    ) async {
        if let former = operation.formerResources, failure.step == .create(.resourcesUpdate),
            let again = await refusal(of: former)
        {
            engine.log.write(.warning, "former limits not written", ["error": again.detail])
        }
        await engine.registry.end(operation.id, .failed, error: failure, engine) {
            transaction, ended in
            guard let former = ended.formerResources else { return }
            for var later in transaction.openOperations(of: ended.target.uid)
            where later.id != ended.id && later.formerResources == refused {
                later.formerResources = former
                transaction.put(later)
            }
            guard var pod = transaction.pod(uid: ended.target.uid),
                pod.spec.resources == refused
            else { return }
            pod.spec.resources = former
            transaction.put(pod)
        }
    }
}
