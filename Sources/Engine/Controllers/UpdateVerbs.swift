// Carries out task.update: the task's shim changes the kernel's values, wholly or not at all, and
// then the record changes.
//
// A new daemon asks the shim again, with the same id. The shim joins the update that it makes, or
// knows that it has made it. If the shim dies, its tasks die with it.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

extension PodController {
    func updateTask(_ operation: PodOperation) async {
        guard let pod = engine.registry.pod(uid), let name = operation.target.task,
            let task = pod[task: name], task.uid == operation.target.uid
        else { return }
        let wanted: TaskSpec
        do throws(Failure) {
            wanted = try operation.applied(to: task.spec)
            guard pod.state != .lost else { throw Failure(.podState, "the pod is lost") }
            if isDeleting(name) { throw Failure(.taskDeleting, "a delete came in between") }
            try await update(task, in: pod, to: wanted, operation)
        } catch {
            await engine.registry.end(operation.id, .failed, error: error, engine) { _, _ in }
            return
        }
        await engine.registry.end(operation.id, .succeeded, engine) { transaction, _ in
            guard var pod = transaction.pod(uid: operation.target.owner.uid),
                var task = pod[task: name], task.uid == operation.target.uid
            else { return }
            task.spec.resources = wanted.resources
            task.spec.restart = wanted.restart
            pod[task: name] = task
            transaction.put(pod)
        }
    }

    private func update(
        _ task: PodTask, in pod: Pod, to wanted: TaskSpec, _ operation: PodOperation
    ) async throws(Failure) {
        let name = task.spec.name
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let step = ShownStep(.create(.resourcesUpdate), name)
        journal.began(step)
        do throws(Failure) {
            let update = WireUpdate(
                id: "\(operation.id)", writes: try writes(task.spec, in: pod, wanted),
                restart: restartPolicy(of: task, wanted))
            while let blocker = try await blocker(of: update, name) {
                journal.waits(step, for: blocker)
                await Loop.shared.reactor.pause(milliseconds: 500)
            }
            journal.ended(step, skipped: false)
        } catch {
            journal.failed(step, error.detail)
            throw error
        }
    }

    private func writes(
        _ spec: TaskSpec, in pod: Pod, _ wanted: TaskSpec
    ) throws(Failure) -> [ControlWrite] {
        do throws(SystemCallFailure) {
            return try host.writeUpdate(pod, spec, to: wanted.resources)
        } catch { throw Failure(.shimFailed, "\(error)", step: .create(.resourcesUpdate)) }
    }

    /// Why it is not certain yet whether the shim has made the update; `nil` if it has. Throws if
    /// nothing has changed. A shim that hung up may live on and make the update, so it is asked
    /// again until it answers or is gone.
    private func blocker(
        of update: WireUpdate, _ name: Label
    ) async throws(Failure) -> Blocker? {
        let found: (any ShimClient)?
        do throws(SystemCallFailure) { found = try connectIfAlive() } catch {
            return Blocker("\(error)")
        }
        guard let link = found else { throw Failure(.podState, "the pod's shim is gone") }
        switch await has(.updates, link) {
        case true?: break
        case false?:
            throw Failure(
                .shimFailed,
                "the pod's shim is of an earlier version, and changes no task's limits",
                step: .create(.resourcesUpdate))
        case nil: return Blocker("the shim hung up")
        }
        let reply = await link.ask(.update(task: name.text, update))
        switch reply {
        case .done?: return nil
        case .stillThere(let reason, _)?: return Blocker(reason)
        case nil: return Blocker("the shim hung up")
        case .failed? where isDeleting(name):
            throw Failure(.taskDeleting, "a delete came in between")
        default: throw Failure(reply, .resourcesUpdate)
        }
    }

    private func isDeleting(_ name: Label) -> Bool {
        if case .deleting? = engine.registry.pod(uid)?[task: name]?.state { return true }
        return false
    }
}
