// A pod and its tasks in their present state.

package import Kernel

//  creating ──> ready ──> stopping ──> stopped         any state ──> deleting ──> (no record)
//      │          └─────────┴────────────┴──> lost ──> deleting
//      └──> deleting (a create that failed or was superseded)
//
//  creating:  * the store has the record and the create's operation  * the shim may not exist yet
//  ready:     * the shim holds the pod's lock and has answered
//  stopping, stopped: * the shim lives; the tasks are being ended, or have ended
//  deleting:  * entered once, left only by the removal of the record
//  lost:      * the shim died; no client has asked for a delete yet
/// The state of a pod, as clients read it. The diagram in the source has the transitions.
package enum PodState: String, Sendable, CaseIterable {
    case creating, ready, stopping, stopped, deleting, lost
}

/// The shim, which is the pod's sandbox process.
package struct ShimStatus: Equatable, Sendable {
    /// The shim's process.
    package let process: ProcessIdentity
    /// When the shim first reported to a daemon.
    package let since: Timestamp

    package init(process: ProcessIdentity, since: Timestamp) {
        self.process = process
        self.since = since
    }
}

/// A pod's record: the requested spec and the present state.
package struct Pod: Equatable, Sendable {
    /// The incarnation: a new pod of the same name has another uid.
    package let uid: UID
    /// The name, which is unique among all pods at any time.
    package let name: Label
    /// The requested form, with every default filled in.
    package var spec: PodSpec
    /// The present state. Only the pod's controller changes it.
    package var state: PodState
    /// The value of the global counter at the last change.
    package var revision: UInt64
    /// When the create was accepted.
    package let createdAt: Timestamp
    /// The pod's shim; `nil` if it has not answered yet, or is gone.
    package var shim: ShimStatus?
    /// In the order of the tasks' names.
    package var tasks: [PodTask]
    /// The interfaces beside loopback. A pod has their addresses from its record's creation until
    /// nothing of the pod is left.
    package var interfaces: [PodInterface]
    /// The interfaces that plugins make, in their order. They are recorded before the first plugin
    /// runs, and until nothing of the pod is left.
    package var attachments: [PodAttachment]
    /// Why the network's own plugins find fault with the pod's interfaces; `nil` if they do not, or
    /// were not asked. Only in memory.
    package var networkFault: String?
    /// Whether a stop was to free all that the pod holds. Such a pod has no shim, or will soon have
    /// none.
    package var isReleased: Bool
    /// Whether the pod's former record could not be read. Then the spec is not the requested one,
    /// and the pod may have objects that this record does not name.
    package var isSpecLost = false
    /// The operation that creates, cleans up or deletes the pod; `nil` if none runs.
    package var operation: UID?
    /// Since when and why the shim does not answer. Only in memory.
    package var stalled: Stall?

    /// The reason why a shim does not answer.
    package struct Stall: Equatable, Sendable {
        /// When the daemon first saw that the shim does not answer.
        package let since: Timestamp
        /// The reason for display, such as the process's state.
        package let why: String

        package init(since: Timestamp, why: String) {
            self.since = since
            self.why = why
        }
    }

    package init(
        uid: UID, name: Label, spec: PodSpec, state: PodState, revision: UInt64,
        createdAt: Timestamp, shim: ShimStatus? = nil, tasks: [PodTask] = [],
        interfaces: [PodInterface] = [], attachments: [PodAttachment] = [],
        isReleased: Bool = false, operation: UID? = nil
    ) {
        self.uid = uid
        self.name = name
        self.spec = spec
        self.state = state
        self.revision = revision
        self.createdAt = createdAt
        self.shim = shim
        self.tasks = tasks
        self.interfaces = interfaces
        self.attachments = attachments
        self.isReleased = isReleased
        self.operation = operation
    }

    /// The task of a name; `nil` if there is none. Setting a task inserts it in the order of names
    /// or replaces its namesake. Setting `nil` removes the task.
    package subscript(task name: Label) -> PodTask? {
        get { tasks.first { $0.spec.name == name } }
        set {
            let index = tasks.firstIndex { $0.spec.name == name }
            switch (index, newValue) {
            case (let index?, let task?): tasks[index] = task
            case (let index?, nil): tasks.remove(at: index)
            case (nil, let task?):
                tasks.insert(task, at: tasks.firstIndex { $0.spec.name > name } ?? tasks.count)
            case (nil, nil): break
            }
        }
    }

    /// `"<uid>.<revision>"`, in the quotes that RFC 9110 demands of an entity tag.
    package var entityTag: String { "\"\(uid).\(revision)\"" }
}

/// One incarnation of a task.
package struct PodTask: Equatable, Sendable {
    /// `"<uid>.<revision>"`, like a pod's.
    package var entityTag: String { "\"\(uid).\(revision)\"" }

    /// The incarnation: a new task of the same name has another uid.
    package let uid: UID
    /// The requested form, with every default filled in.
    package var spec: TaskSpec
    /// The present state. Only the pod's controller changes it.
    package var state: TaskState
    /// The value of the global counter at the last change.
    package var revision: UInt64
    /// When the create was accepted.
    package let createdAt: Timestamp
    /// When `start` had succeeded. It stays after the exit.
    package var startedAt: Timestamp?
    /// The number of the present or last attempt, counted from 1. Each attempt has one process and
    /// one exit.
    package var attempt: UInt32 = 1
    /// The last exits without a gap, the oldest first.
    package var exits: [AttemptExit] = []
    /// When the task will be restarted; `nil` if it will not, or if it runs.
    package var nextStart: NextStart?
    /// The last change of its health; `nil` before the first one.
    package var healthChange: HealthChange?
    /// The health, as the shim told it last; `nil` if no shim has. Only in memory.
    package var shownHealth: TaskHealth?
    /// The operation that creates or deletes the task; `nil` if none runs.
    package var operation: UID?
    /// The state of its log, as the shim told it last; `nil` if no shim has. Only in memory.
    package var log: LogState?

    package init(
        uid: UID, spec: TaskSpec, state: TaskState, revision: UInt64, createdAt: Timestamp,
        startedAt: Timestamp? = nil, operation: UID? = nil
    ) {
        self.uid = uid
        self.spec = spec
        self.state = state
        self.revision = revision
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.operation = operation
    }
}

//  creating ──> created ──> running <──> paused        any state ──> exited    [sawExit]
//                             └── exited (a restart)  any state ──> deleting  [Pod's owner]
//  creating: * the record names the task; none, some or all of its objects may exist
//  created:  * runc's state exists  * the process exists, and waits in runc's exec fifo
//  running:  * the user's program runs as `process`
//  paused:   * the kernel has frozen its processes, unless a stop or an operator has thawed them
//  exited:   * the status came from `waitid`, or is `unknown`; it never changes again. A restart
//              makes another attempt, with an exit of its own
//  deleting: * entered once; the exit, if there was one, stays readable
/// The state of a task, with the process or the exit that exists in it.
package enum TaskState: Equatable, Sendable {
    case creating
    case created(ProcessIdentity)
    case running(ProcessIdentity)
    case paused(ProcessIdentity)
    case exited(TaskExit)
    case deleting(TaskExit?)

    /// The state, as clients read it.
    package var name: String {
        switch self {
        case .creating: "creating"
        case .created: "created"
        case .running: "running"
        case .paused: "paused"
        case .exited: "exited"
        case .deleting: "deleting"
        }
    }

    /// The task's first process; `nil` before it exists and after its exit.
    package var process: ProcessIdentity? {
        switch self {
        case .created(let process), .running(let process), .paused(let process): process
        case .creating, .exited, .deleting: nil
        }
    }

    /// The exit; `nil` before it.
    package var exit: TaskExit? {
        switch self {
        case .exited(let exit): exit
        case .deleting(let exit): exit
        case .creating, .created, .running, .paused: nil
        }
    }
}
