// The steps of operations. A create step makes or changes something; a removal step removes the
// objects of one kind of resource.

/// A step that makes or changes something.
package enum CreateStep: String, Sendable, CaseIterable {
    case shimStart = "shim.start"
    case volumesCreate = "volumes.create"
    case networkAttach = "network.attach"
    /// This step comes after the interface, which has sysctls of its own.
    case sysctlsSet = "sysctls.set"
    case rootfsMount = "rootfs.mount"
    /// Opens the log file that the client names, and makes it if it is missing.
    case logOpen = "log.open"
    case taskCreate = "task.create"
    /// Waits until an init task has ended with 0, or until the tasks run after which a task starts.
    case taskWait = "task.wait"
    case taskStart = "task.start"
    case taskSignal = "task.signal"
    case taskPause = "task.pause"
    case taskResume = "task.resume"
    case taskExec = "task.exec"
    case resourcesUpdate = "resources.update"
    case networkCreate = "network.create"

    /// The steps that make the parts of a pod of this spec, in their order.
    package static func makingParts(of spec: PodSpec) -> [CreateStep] {
        allCases.filter { $0.makesPart(of: spec) }
    }

    private func makesPart(of spec: PodSpec) -> Bool {
        switch self {
        case .volumesCreate: !spec.volumes.isEmpty
        case .networkAttach: spec.network.bridge != nil || spec.network.cni != nil
        case .sysctlsSet: !spec.sysctls.isEmpty
        case .shimStart, .rootfsMount, .logOpen, .taskCreate, .taskWait, .taskStart,
            .taskSignal, .taskPause, .taskResume, .taskExec, .resourcesUpdate, .networkCreate:
            false
        }
    }
}

/// A step that removes the objects of one kind of resource. The cases are in the order of removal.
package enum RemovalStep: String, Sendable, CaseIterable {
    case tasksStop = "tasks.stop"
    case tasksDelete = "tasks.delete"
    case rootfsUnmount = "rootfs.unmount"
    /// This step runs beside the removal of volumes and files, because the kernel may take tens of
    /// milliseconds for it.
    case networkDetach = "network.detach"
    case volumesRemove = "volumes.remove"
    /// This step comes before the shim's exit, because a helper of the shim removes the files. If
    /// the disk holds the removal, the helper is seen in the shim's cgroup.
    case filesRemove = "files.remove"
    case shimExit = "shim.exit"
    case cgroupRemove = "cgroup.remove"
    case verify
    case networkRemove = "network.remove"

    /// How often a removal runs the step.
    package enum Scope: Sendable {
        /// Once for each task, whether the task is removed alone or with its pod.
        case task
        /// Once for a task that is removed alone, and once for the whole pod if the pod is removed.
        case taskOrPod
        /// Once for the pod.
        case pod
        /// Once for a network.
        case network
    }

    /// The steps for a pod. Those of a lane run in their order. The lanes `network` and `files` run
    /// beside each other, and `sandbox` after both.
    package enum Lane: Sendable {
        case network, files, sandbox
    }

    /// The lane of a step for the pod; `nil` for a step that a pod does not have.
    package var lane: Lane? {
        switch self {
        case .networkDetach: .network
        case .volumesRemove, .filesRemove: .files
        case .shimExit, .cgroupRemove, .verify: .sandbox
        case .tasksStop, .tasksDelete, .rootfsUnmount, .networkRemove: nil
        }
    }

    /// Whether an operator may give the step up. Its objects may need a program that is gone for
    /// good, such as a network plugin.
    package var canBeAbandoned: Bool { self == .networkDetach }

    /// How often a removal runs the step.
    package var scope: Scope {
        switch self {
        case .tasksStop, .tasksDelete, .rootfsUnmount: .task
        case .filesRemove: .taskOrPod
        case .networkDetach, .volumesRemove, .shimExit, .cgroupRemove, .verify: .pod
        case .networkRemove: .network
        }
    }
}

/// A step by its name, as an operation shows it.
package enum StepName: Hashable, Sendable, CaseIterable {
    case create(CreateStep)
    case removal(RemovalStep)

    /// All create steps, and then all removal steps in their order.
    package static let allCases: [StepName] =
        CreateStep.allCases.map(StepName.create) + RemovalStep.allCases.map(StepName.removal)

    /// `nil` if there is no step of that name.
    package init?(_ text: String) {
        if let step = CreateStep(rawValue: text) {
            self = .create(step)
        } else if let step = RemovalStep(rawValue: text) {
            self = .removal(step)
        } else {
            return nil
        }
    }

    /// The name, as clients read it.
    package var text: String {
        switch self {
        case .create(let step): step.rawValue
        case .removal(let step): step.rawValue
        }
    }
}
