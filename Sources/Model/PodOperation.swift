// An operation: the promise to carry out an accepted request. Clients poll it.

package import Kernel

/// The kind of an operation, as clients read it.
package enum OperationKind: String, Sendable, CaseIterable {
    case podCreate = "pod.create"
    case podUpdate = "pod.update"
    case podStop = "pod.stop"
    case podDelete = "pod.delete"
    case taskCreate = "task.create"
    case taskStart = "task.start"
    case taskStop = "task.stop"
    case taskSignal = "task.signal"
    case taskPause = "task.pause"
    case taskResume = "task.resume"
    case taskExec = "task.exec"
    case taskUpdate = "task.update"
    case taskReopenLog = "task.reopenLog"
    case taskDelete = "task.delete"
    case networkCreate = "network.create"
    case networkDelete = "network.delete"
    /// The daemon's own operation: removes what a lost pod held.
    case podCleanup = "pod.cleanup"
    /// The daemon's own operation: removes objects that have our mark and no record.
    case orphanRemove = "orphan.remove"

    /// The kind of the objects that the operation changes.
    package var target: Target.Kind {
        switch self {
        case .podCreate, .podUpdate, .podStop, .podDelete, .podCleanup: .pod
        case .taskCreate, .taskStart, .taskStop, .taskSignal, .taskPause, .taskResume,
            .taskExec, .taskUpdate, .taskReopenLog, .taskDelete:
            .task
        case .networkCreate, .networkDelete: .network
        case .orphanRemove: .orphan
        }
    }

    /// Whether the operation makes an object with a record.
    package var isCreate: Bool { [.podCreate, .taskCreate, .networkCreate].contains(self) }
    /// Only an operation that makes something can be canceled (openapi/README.md), and an exec.
    package var isCancelable: Bool { isCreate || self == .taskExec }
    /// Whether the operation ends with the removal of a record.
    package var isDelete: Bool { [.podDelete, .taskDelete, .networkDelete].contains(self) }

    /// Whether the operation frees resources.
    package var releasesResources: Bool {
        switch self {
        case .podStop, .podDelete, .podCleanup, .taskStop, .taskDelete, .networkDelete,
            .orphanRemove:
            true
        case .podCreate, .podUpdate, .taskCreate, .taskStart, .taskSignal, .taskPause,
            .taskResume, .taskExec, .taskUpdate, .taskReopenLog, .networkCreate:
            false
        }
    }
}

//  pending ──> running ──> succeeded
//                 ├──────> failed                     (creates, and what runc may refuse)
//                 └──> canceling ──> canceled         (creates)
//  An end is never left.
/// The state of an operation, as clients read it.
package enum OperationState: String, Sendable, CaseIterable {
    case pending, running, canceling, succeeded, failed, canceled

    /// Whether the state is final.
    package var hasEnded: Bool {
        switch self {
        case .pending, .running, .canceling: false
        case .succeeded, .failed, .canceled: true
        }
    }
}

/// The state of a step, as clients read it.
package enum StepState: String, Sendable, CaseIterable {
    case pending, running
    /// The step will be tried again; `detail` says why.
    case waiting
    case succeeded
    /// The objects were already gone.
    case skipped
    /// The step succeeded, and was undone since.
    case undone
    /// The step failed; the operation's `error` says why.
    case failed
    /// An operator has given the step up; `detail` says what is left.
    case abandoned
}

/// One step of an operation and its progress.
package struct OperationStep: Equatable, Sendable {
    /// The name, which a client reads as ``StepName/text``.
    package let name: StepName
    /// The task of the step; `nil` for a step of the pod.
    package let object: Label?
    /// The present state of the step.
    package var state: StepState
    /// The number of attempts so far.
    package var attempts: Int
    /// When the first attempt began; `nil` before it.
    package var startedAt: Timestamp?
    /// When the step ended; `nil` before it.
    package var finishedAt: Timestamp?
    /// When a waiting step is tried again; `nil` while an attempt runs.
    package var retryAt: Timestamp?
    /// What the step waits for.
    package var detail: String?

    package init(name: StepName, object: Label? = nil, state: StepState = .pending) {
        self.name = name
        self.object = object
        self.state = state
        attempts = 0
    }

    /// Whether no attempt of the step follows.
    package var isDone: Bool {
        switch state {
        case .pending, .running, .waiting: false
        case .succeeded, .skipped, .undone, .failed, .abandoned: true
        }
    }
}

/// The client (SO_PEERCRED, and the process's `comm`).
package struct Requester: Equatable, Sendable {
    /// The client's pid in the daemon's pid namespace.
    package let pid: Int32
    /// The client's effective user id.
    package let uid: UInt32
    /// The client's effective group id.
    package let gid: UInt32
    /// The client's `comm` (proc(5)); `nil` if it could not be read.
    package let command: String?

    package init(pid: Int32, uid: UInt32, gid: UInt32, command: String?) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.command = command
    }
}

/// The record of a mutation. It exists before any effect of the mutation (law 1).
package struct PodOperation: Equatable, Sendable {
    /// The client's id for the operation, or a uid of ours.
    package let id: UID
    /// The kind of mutation.
    package let kind: OperationKind
    /// The present state. It only goes forward.
    package var state: OperationState
    /// The object that the operation changes.
    package let target: Target
    /// The value of the global counter at the last change.
    package var revision: UInt64
    /// The value of the global counter when the operation was accepted. The operations on one pod
    /// run in this order, independent of the clock and of their ids.
    package var order: UInt64 = 0
    /// The steps in the order of their display.
    package var steps: [OperationStep]
    /// Since when, at which step and why the operation makes no progress.
    package var stalled: Stall?
    /// The client that made the first request.
    package let requester: Requester
    /// The number of later requests that were answered with this operation.
    package var joined: Int
    /// The number of daemon restarts during this operation.
    package var resumed: Int
    /// The delete that canceled this create.
    package var supersededBy: UID?
    /// The reason of a failure; `nil` unless the state is ``OperationState/failed``.
    package var error: Failure?
    /// When the request was accepted.
    package let createdAt: Timestamp
    /// When the operation ended; `nil` before it.
    package var finishedAt: Timestamp?
    /// When the record may become a tombstone; `nil` before the end.
    package var expiresAt: Timestamp?
    /// A hash of the request's method, path and body, to tell a retry from a reuse of the id.
    package let fingerprint: UInt64
    /// Milliseconds between the stop signal and SIGKILL; `nil` if the request does not name them.
    package var grace: Int64?
    /// The signal of a `task.signal`.
    package var signal: Signal?
    /// The limits before a `pod.update`. If the update is refused, they apply again.
    package var formerResources: Resources?
    /// The limits that a `pod.update` writes. The pod's spec may contain those of a later update.
    package var wantedResources: Resources?
    /// The merge patch of a `task.update`, as JSON; `nil` when it has ended. It is applied to the
    /// task's spec when the update begins, so an earlier update that was refused has no part in it.
    package var patch: String?
    /// The step that an operator has given up. A tombstone keeps it.
    package var abandonment: Abandonment?
    /// The exits of the tasks that the operation ended. A tombstone keeps them.
    package var exits: [Label: TaskExit]
    /// How a `task.exec` ended. A tombstone keeps it.
    package var exec: ExecResult?

    /// The reason why an operation makes no progress.
    package struct Stall: Equatable, Sendable {
        /// Since when the operation makes no progress.
        package let since: Timestamp
        /// The step that makes no progress.
        package let step: StepName
        /// The reason for display, such as the process that holds a mount.
        package let why: String

        package init(since: Timestamp, step: StepName, why: String) {
            self.since = since
            self.step = step
            self.why = why
        }
    }

    package init(
        id: UID, kind: OperationKind, target: Target, revision: UInt64 = 0,
        steps: [OperationStep] = [], requester: Requester, createdAt: Timestamp,
        fingerprint: UInt64, grace: Int64? = nil, signal: Signal? = nil
    ) {
        self.id = id
        self.kind = kind
        state = .pending
        self.target = target
        self.revision = revision
        self.steps = steps
        self.requester = requester
        joined = 0
        resumed = 0
        self.createdAt = createdAt
        self.fingerprint = fingerprint
        self.grace = grace
        self.signal = signal
        exits = [:]
    }
}
