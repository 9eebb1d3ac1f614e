// The interface that every resource implements. A resource is a kind of object that outlives the
// process that made it. Each resource has a file here.
//
// `RemovalStep` is the one list, in the order of removal. Each step has exactly one resource, which
// the compiler checks; there is no default.

import EventLoop
import Host
import Kernel
import Model
import Teardown

/// What all resources have in common.
@Loop protocol ObservedResource: Sendable {
    /// Returns the objects of the resource on the host, for each of its kinds. Returns none if its
    /// objects are seen as part of another resource.
    func observe(_ look: Look) async -> [Observation]
}

/// A resource that each task has.
@Loop protocol TaskResource: ObservedResource {
    /// Removes the objects of the task, and then looks. A repetition is always safe. `removed` and
    /// `alreadyGone` are always an observation. A thrown error counts as `blocked`.
    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
}

/// A resource that a pod has once.
@Loop protocol PodResource: ObservedResource {
    /// Removes the objects of the pod and its tasks, and then looks; see `TaskResource`.
    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome
}

/// A part that a pod has if its spec says so. The shim makes it, once it has started. A part that
/// outlives the shim is a resource as well.
@Loop protocol PodPart: Sendable {
    /// The name that the shim knows.
    var name: String { get }
    /// Makes what the part needs and other pods share.
    func prepare(_ pod: Pod, _ engine: Engine) async throws(Failure)
    /// What the shim has to know to make it.
    func document(for pod: Pod, _ engine: Engine) -> [UInt8]
}

/// A resource that a network has.
@Loop protocol NetworkResource: ObservedResource {
    /// Removes the objects of the network, and then looks; see `TaskResource`.
    func remove(_ network: UID, _ host: any Host) async throws(SystemCallFailure) -> StepOutcome
}

/// A resource, by its number of removals (`RemovalStep.Scope`).
enum Resource: Sendable {
    case task(any TaskResource)
    case taskOrPod(any TaskResource & PodResource)
    case pod(any PodResource)
    case network(any NetworkResource)

    @Loop func observe(_ look: Look) async -> [Observation] {
        switch self {
        case .task(let resource): await resource.observe(look)
        case .taskOrPod(let resource): await resource.observe(look)
        case .pod(let resource): await resource.observe(look)
        case .network(let resource): await resource.observe(look)
        }
    }
}

extension CreateStep {
    /// The part of the pod that the step makes; `nil` if it makes something else.
    @Loop var part: (any PodPart)? {
        switch self {
        case .volumesCreate: PodVolumes()
        case .networkAttach: Interface()
        case .sysctlsSet: PodSysctls()
        case .shimStart, .rootfsMount, .logOpen, .taskCreate, .taskWait, .taskStart,
            .taskSignal, .taskPause, .taskResume, .taskExec, .resourcesUpdate, .networkCreate:
            nil
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
        case .networkDetach: .pod(Interface())
        case .volumesRemove: .pod(PodVolumes())
        case .filesRemove: .taskOrPod(DiskFiles())
        case .shimExit: .pod(ShimProcess())
        case .cgroupRemove: .pod(PodCgroup())
        case .verify: .pod(RunFolder())
        case .networkRemove: .network(Bridge())
        }
    }
}
