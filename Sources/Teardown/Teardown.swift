// The order of removal, and the proof that nothing is left.
//
// A delete, a failed create and a restart all come through here. Nothing in this target reads a
// clock or is given a time: a step ends when the machine has been seen without its object.

package import Model

/// One step of a teardown, and the task that it is about; `nil` for the pod.
package struct TeardownStep: Hashable, Sendable {
    package let name: StepName
    package let task: Label?

    package init(_ name: StepName, task: Label? = nil) {
        self.name = name
        self.task = task
    }

    /// For each task, in this order; tasks side by side.
    package static let ofTask: [StepName] = [.tasksStop, .tasksDelete, .rootfsUnmount]
    /// For the pod, in this order, once every task is through. The files go before the shim: its
    /// helper removes them, and one that the disk holds is then seen in the shim's cgroup.
    package static let ofPod: [StepName] = [.filesRemove, .shimExit, .cgroupRemove, .verify]

    /// All steps of a pod with these tasks, as an operation shows them.
    package static func all(tasks: [Label]) -> [TeardownStep] {
        tasks.flatMap { task in ofTask.map { TeardownStep($0, task: task) } }
            + ofPod.map { TeardownStep($0) }
    }

    /// All steps of one task of a pod that lives on.
    package static func all(task: Label) -> [TeardownStep] {
        (ofTask + [.filesRemove]).map { TeardownStep($0, task: task) }
    }
}

/// What was seen when the machine was looked at. There is no case for giving up, so nobody can.
package enum Sighting: Equatable, Sendable {
    /// Not there; it had to be removed.
    case gone
    /// Not there; nothing had to be done.
    case alreadyGone
    case stillThere(Obstacle)
}

/// Proof that nothing of a pod is left. Only this file can make one, and only with it does a
/// record go.
package struct NothingLeft: Sendable {
    package let pod: UID

    fileprivate init(of pod: UID) { self.pod = pod }
}

/// Proof that nothing of one task is left.
package struct NoTaskLeft: Sendable {
    package let task: UID

    fileprivate init(of task: UID) { self.task = task }
}

extension Teardown {
    /// Removes a pod, however long that takes. Safe to run again from the top after a crash.
    package func run(pod: UID, tasks: [Label]) async -> NothingLeft {
        await withDiscardingTaskGroup { group in
            for task in tasks {
                group.addTask {
                    for name in TeardownStep.ofTask { await clear(TeardownStep(name, task: task)) }
                }
            }
        }
        for name in TeardownStep.ofPod { await clear(TeardownStep(name)) }
        return NothingLeft(of: pod)
    }

    /// Removes one task of a pod that lives on.
    package func run(task: Label, uid: UID) async -> NoTaskLeft {
        for step in TeardownStep.all(task: task) { await clear(step) }
        return NoTaskLeft(of: uid)
    }

    private func clear(_ step: TeardownStep) async {
        await journal.began(step)
        while true {
            switch await machine.clear(step) {
            case .stillThere(let obstacle):
                await journal.waits(step, for: obstacle)
                await machine.nextChange(step)
            case .gone: return await journal.ended(step, skipped: false)
            case .alreadyGone: return await journal.ended(step, skipped: true)
            }
        }
    }
}
