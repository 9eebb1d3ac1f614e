// The processes of a task: all processes of its cgroup.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct TaskProcesses: TaskResource {
    /// The processes are in the pod's cgroups.
    func observe(_ look: Look) async -> [Observation] { [] }

    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
    {
        guard let shim = try removal.shim() else {
            let outcome = try removal.kill(in: removal.cgroups(of: task))
            guard outcome == .alreadyGone else { return outcome }
            if isRestarted(task, removal) {
                let isStored = try removal.controller.storeFormerAttempts(of: task)
                return isStored ? outcome : .blocked(Blocker(TaskProcesses.notStored))
            }
            return try storeExit(of: task, isShimGone: true, removal) ?? outcome
        }
        let spec = removal.controller.engine.registry.pod(removal.uid)?[task: task]?.spec
        let outcome = StepOutcome(
            await shim.ask(
                .stop(
                    task: task.text, signal: spec?.stopSignal.number ?? Signal.term.number,
                    grace: removal.grace(task) ?? spec?.gracePeriod ?? 0)))
        guard outcome == .removed else { return outcome }
        if isRestarted(task, removal) {
            let isLearned = await removal.controller.learnAttempts(of: task, from: shim)
            return isLearned ? outcome : StepOutcome(nil as ShimReply?)
        }
        return try storeExit(of: task, isShimGone: false, removal) ?? outcome
    }

    private func isRestarted(_ task: Label, _ removal: PodRemoval) -> Bool {
        removal.controller.engine.registry.pod(removal.uid)?[task: task]?.isRestarted ?? false
    }

    private static let notStored = "the store does not take the exit"

    /// Stores the exit before anything else of the task is removed. If the daemon died between the
    /// shim's message and its own commit, it finds the exit here. If the shim died with the task,
    /// the exit is `unknown`. Returns `nil` if the record has the exit.
    private func storeExit(
        of task: Label, isShimGone: Bool, _ removal: PodRemoval
    ) throws(SystemCallFailure) -> StepOutcome? {
        let registry = removal.controller.engine.registry
        guard let known = registry.pod(removal.uid)?[task: task], known.state.exit == nil else {
            return nil
        }
        var isStored = true
        switch try removal.host.exitFile(removal.uid, task) {
        case .exit(let exit): isStored = removal.controller.sawExit(task.text, exit)
        case .open where isShimGone:
            isStored = registry.update(removal.uid, removal.controller.engine) { pod in
                _ = pod[task: task]?.sawExit(.unseen, of: 1)
            }
        case .open, .none: break
        }
        return isStored ? nil : .blocked(Blocker(TaskProcesses.notStored))
    }
}
