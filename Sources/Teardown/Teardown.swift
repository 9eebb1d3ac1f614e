// The order of removal, and the proof that nothing is left.
//
// A delete, a failed create and a restart all use this code. Nothing in this target reads a clock
// or gets a time: a step ends when the host was seen without the step's objects.

package import Model

/// One step of a teardown.
package struct TeardownStep: Hashable, Sendable {
    /// Names the resource that the step removes.
    package let name: RemovalStep
    /// The task of the step; `nil` for a step of the pod.
    package let task: Label?

    package init(_ name: RemovalStep, task: Label? = nil) {
        self.name = name
        self.task = task
    }

    /// The steps for each task of a pod that is removed, in this order. The tasks run in parallel.
    package static let ofTask = RemovalStep.allCases.filter { $0.scope == .task }
    /// The steps for the pod, in this order, after the last step of every task.
    package static let ofPod = RemovalStep.allCases.filter { $0.lane != nil }
    /// The steps for a network, in this order.
    package static let ofNetwork = RemovalStep.allCases.filter { $0.scope == .network }
    /// The steps for a task that is removed alone, in this order.
    private static let ofLoneTask = RemovalStep.allCases.filter {
        $0.scope == .task || $0.scope == .taskOrPod
    }

    /// Returns all steps of a pod with these tasks, as an operation shows them.
    package static func all(tasks: [Label]) -> [TeardownStep] {
        tasks.flatMap { task in ofTask.map { TeardownStep($0, task: task) } }
            + ofPod.map { TeardownStep($0) }
    }

    /// Returns all steps of one task of a pod that stays.
    package static func all(task: Label) -> [TeardownStep] {
        ofLoneTask.map { TeardownStep($0, task: task) }
    }
}

/// Proof that nothing of a pod is left. Only this file can make it, and only with it can a record
/// be removed.
package struct NothingLeft: Sendable {
    /// The incarnation of the pod.
    package let pod: UID

    fileprivate init(of pod: UID) { self.pod = pod }
}

/// Proof that nothing of one task is left.
package struct NoTaskLeft: Sendable {
    /// The incarnation of the task.
    package let task: UID

    fileprivate init(of task: UID) { self.task = task }
}

/// Proof that nothing of one network is left.
package struct NoNetworkLeft: Sendable {
    /// The incarnation of the network.
    package let network: UID

    fileprivate init(of network: UID) { self.network = network }
}

extension Teardown {
    /// Removes a pod, without a time limit. After a crash it is safe to run again from the start.
    /// Returns the proof with which the caller can remove the record.
    package func run(pod: UID, tasks: [Label]) async -> NothingLeft {
        await withDiscardingTaskGroup { group in
            for task in tasks {
                group.addTask {
                    for name in TeardownStep.ofTask { await remove(TeardownStep(name, task: task)) }
                }
            }
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await remove(.network) }
            group.addTask { await remove(.files) }
        }
        await remove(.sandbox)
        return NothingLeft(of: pod)
    }

    /// Removes a network without pods.
    package func run(network: UID) async -> NoNetworkLeft {
        for name in TeardownStep.ofNetwork { await remove(TeardownStep(name)) }
        return NoNetworkLeft(of: network)
    }

    /// Removes one task of a pod that stays.
    package func run(task: Label, uid: UID) async -> NoTaskLeft {
        for step in TeardownStep.all(task: task) { await remove(step) }
        return NoTaskLeft(of: uid)
    }

    private func remove(_ lane: RemovalStep.Lane) async {
        for name in TeardownStep.ofPod where name.lane == lane { await remove(TeardownStep(name)) }
    }

    private func remove(_ step: TeardownStep) async {
        await journal.began(step)
        while true {
            switch await remover.remove(step) {
            case .blocked(let blocker):
                await journal.waits(step, for: blocker)
                await remover.nextChange(step)
            case .removed: return await journal.ended(step, skipped: false)
            case .alreadyGone: return await journal.ended(step, skipped: true)
            }
        }
    }
}
