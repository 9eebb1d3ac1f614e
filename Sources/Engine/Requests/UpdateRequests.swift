// PATCH of a task: changes its limits and restarts by an operation.
//
// Unlike a pod's, the record keeps the former limits until the kernel has the new ones. So it tells
// the truth about a task that a refused update has left as it was, and each update starts from what
// the earlier ones have reached.

package import Documents
import Host
import Kernel
package import Model

extension Engine {
    /// Changes the limits and the restarts of a task that lives, or that waits for its next
    /// attempt.
    package func patchTask(
        _ pod: Label, _ name: Label, _ patch: TaskPatch, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        try mutate(context, .taskUpdate, in: pod) { transaction throws(Refusal) in
            var (pod, task) = try transaction.living(pod, name, context)
            let updates = transaction.openOperations(of: pod.uid).filter {
                $0.kind == .taskUpdate && $0.target.uid == task.uid
            }
            // What the updates before this one will reach if none is refused.
            let before = updates.reduce(task.spec) { spec, update in
                do throws(Failure) { return try update.applied(to: spec) } catch { return spec }
            }
            let info = info
            do throws(DocumentFaults) {
                task.spec = try patch.applied(
                    to: before, in: pod.spec, nestsCPULimits: info.nestsCPULimits,
                    leastOOMScoreAdj: info.leastOOMScoreAdj)
            } catch { throw .documentFaults(error) }
            guard task.spec != before else {
                if let last = updates.last { return transaction.join(last) }
                return .task(pod[task: name] ?? task)
            }
            try checkUpdatable(task, in: pod)
            try checkLimits(task.spec.resources, before.resources)
            try transaction.checkRoom(for: pod.uid, settings.limits)
            pod[task: name] = task
            try transaction.checkSize(of: pod)
            var operation = transaction.makeOperation(.taskUpdate, Target(pod, task), context)
            operation.patch = patch.text
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    /// An ended task that is not restarted never gets the new limits.
    private func checkUpdatable(_ task: PodTask, in pod: Pod) throws(Refusal) {
        guard pod.state != .lost else { throw .podState(pod.state) }
        switch task.state {
        case .creating, .created, .running, .paused: break
        case .exited where task.nextStart != nil: break
        case .exited, .deleting: throw .taskState(task.state)
        }
    }
}

extension PodOperation {
    /// The spec of a task after this update. The update may no longer fit, because an earlier one
    /// was refused.
    func applied(to spec: TaskSpec) throws(Failure) -> TaskSpec {
        guard let text = patch else { return spec }
        let patch: TaskPatch
        do throws(RecordFault) { patch = try TaskPatch(text: text) } catch {
            throw Failure(.runtimeRefused, "the patch \(error)")
        }
        do throws(DocumentFaults) { return try patch.applied(to: spec) } catch {
            throw Failure(.runtimeRefused, error.detail)
        }
    }
}
