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

/// Proof that nothing of a pod is left, but for `forsaken`. Only this file can make it, and only
/// with it can a record be removed.
package struct NothingLeft: Sendable {
    /// The incarnation of the pod.
    package let pod: UID
    /// The steps that an operator has given up, with what was seen afterwards. Empty for nearly
    /// every pod.
    package let forsaken: [Forsaken]

    fileprivate init(of pod: UID, but forsaken: [Forsaken]) {
        self.pod = pod
        self.forsaken = forsaken
    }
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
                    for name in TeardownStep.ofTask {
                        _ = await remove(TeardownStep(name, task: task))
                    }
                }
            }
        }
        let forsaken = await withTaskGroup(of: [Forsaken].self) { group in
            group.addTask { await remove(.network) }
            group.addTask { await remove(.files) }
            return await group.reduce(into: []) { $0 += $1 }
        }
        return NothingLeft(of: pod, but: forsaken + (await remove(.sandbox)))
    }

    /// Removes a network without pods.
    package func run(network: UID) async -> NoNetworkLeft {
        for name in TeardownStep.ofNetwork { _ = await remove(TeardownStep(name)) }
        return NoNetworkLeft(of: network)
    }

    /// Removes one task of a pod that stays.
    package func run(task: Label, uid: UID) async -> NoTaskLeft {
        for step in TeardownStep.all(task: task) { _ = await remove(step) }
        return NoTaskLeft(of: uid)
    }

    /// Returns the steps that an operator has given up.
    private func remove(_ lane: RemovalStep.Lane) async -> [Forsaken] {
        var forsaken: [Forsaken] = []
        for name in TeardownStep.ofPod where name.lane == lane {
            forsaken += await remove(TeardownStep(name)).map { [$0] } ?? []
        }
        return forsaken
    }

    /// Returns `nil` if nothing of the step is left.
    private func remove(_ step: TeardownStep) async -> Forsaken? {
        await journal.began(step)
        while true {
            switch await remover.remove(step) {
            case .blocked(let blocker):
                await journal.waits(step, for: blocker)
                await remover.nextChange(step)
            case .removed:
                await journal.ended(step, skipped: false)
                return nil
            case .alreadyGone:
                await journal.ended(step, skipped: true)
                return nil
            case .abandoned(let forsaken) where step.name.canBeAbandoned:
                await journal.abandoned(step, forsaken)
                return forsaken
            case .abandoned:
                await journal.waits(step, for: Blocker("the step cannot be abandoned"))
                await remover.nextChange(step)
            }
        }
    }
}
