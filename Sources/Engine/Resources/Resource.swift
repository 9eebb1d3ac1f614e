// The seam of the engine. A resource is a kind of object that outlives the process that made it:
// a file here for each.
//
// `RemovalStep` is the one list, in the order of removal. Each step has exactly one resource, which
// the compiler checks; there is no default.

import Linux
import Model
import Teardown

/// A resource that each task has.
@Loop protocol TaskResource: Sendable {
    /// Removes what the task has of it, and then looks. A repetition is always right; `removed` and
    /// `alreadyGone` are always something that was seen. What is thrown counts as `blocked`.
    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
}

/// A resource that a pod has once.
@Loop protocol PodResource: Sendable {
    /// Removes what the pod has of it, its tasks included, and then looks; see `TaskResource`.
    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome
}

/// A resource, by how often a removal meets it (`RemovalStep.Scope`).
enum Resource: Sendable {
    case task(any TaskResource)
    case taskOrPod(any TaskResource & PodResource)
    case pod(any PodResource)
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
