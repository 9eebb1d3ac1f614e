// The seam of the engine. A resource is a kind of object that outlives the process that made it:
// a file here for each.
//
// `RemovalStep` is the one list, in the order of removal. Each step has exactly one resource, which
// the compiler checks; there is no default.

import EventLoop
import Linux
import Model
import Teardown

/// What all resources have in common.
@Loop protocol ObservedResource: Sendable {
    /// What of it is on the host, for each of its kinds; none if its objects are seen as part of
    /// another resource's.
    func observe(_ look: Look) async -> [Observation]
}

/// A resource that each task has.
@Loop protocol TaskResource: ObservedResource {
    /// Removes what the task has of it, and then looks. A repetition is always right; `removed` and
    /// `alreadyGone` are always something that was seen. What is thrown counts as `blocked`.
    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
}

/// A resource that a pod has once.
@Loop protocol PodResource: ObservedResource {
    /// Removes what the pod has of it, its tasks included, and then looks; see `TaskResource`.
    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome
}

/// A resource, by how often a removal meets it (`RemovalStep.Scope`).
enum Resource: Sendable {
    case task(any TaskResource)
    case taskOrPod(any TaskResource & PodResource)
    case pod(any PodResource)

    @Loop func observe(_ look: Look) async -> [Observation] {
        switch self {
        case .task(let resource): await resource.observe(look)
        case .taskOrPod(let resource): await resource.observe(look)
        case .pod(let resource): await resource.observe(look)
        }
    }
}

extension RemovalStep {
    /// The resource whose objects the step removes.
    @Loop var resource: Resource {
        switch self {
        case .tasksStop: .task(TaskProcesses())
        case .tasksDelete: .task(RuntimeContainer())
        case .rootfsUnmount: .task(RootfsMount())
        case .filesRemove: .taskOrPod(DiskFiles())
        case .shimExit: .pod(ShimProcess())
        case .cgroupRemove: .pod(PodCgroup())
        case .verify: .pod(RunFolder())
        }
    }
}
