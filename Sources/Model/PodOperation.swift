// An operation: the promise to carry out an accepted request. Clients poll it.

package import Kernel

package enum OperationKind: String, Sendable, CaseIterable {
    case podCreate = "pod.create"
    case podUpdate = "pod.update"
    case podStop = "pod.stop"
    case podDelete = "pod.delete"
    case taskCreate = "task.create"
    case taskStart = "task.start"
    case taskStop = "task.stop"
    case taskSignal = "task.signal"
    case taskDelete = "task.delete"
    /// The daemon's own operation: removes what a lost pod held.
    case podCleanup = "pod.cleanup"
    /// The daemon's own operation: removes objects that have our mark and no record.
    case orphanRemove = "orphan.remove"

    /// Only an operation that makes something can be called off (API.md).
    package var isCreate: Bool { self == .podCreate || self == .taskCreate }
    package var isDelete: Bool { self == .podDelete || self == .taskDelete }

    /// Whether the operation frees resources.
    package var releasesResources: Bool {
        switch self {
        case .podStop, .podDelete, .podCleanup, .taskStop, .taskDelete, .orphanRemove: true
        case .podCreate, .podUpdate, .taskCreate, .taskStart, .taskSignal: false
        }
    }
}

//  pending ──> running ──> succeeded
//                 ├──────> failed                     (creates, and what runc may refuse)
//                 └──> canceling ──> canceled         (creates)
//  An end is never left.
package enum OperationState: String, Sendable, CaseIterable {
    case pending, running, canceling, succeeded, failed, canceled

    package var hasEnded: Bool {
        switch self {
        case .pending, .running, .canceling: false
        case .succeeded, .failed, .canceled: true
        }
    }
}

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
}

package struct OperationStep: Equatable, Sendable {
    package let name: StepName
    /// The task of the step; `nil` for a step of the pod.
    package let object: Label?
    package var state: StepState
    package var attempts: Int
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var retryAt: Timestamp?
    /// What the step waits for.
    package var detail: String?

    package init(name: StepName, object: Label? = nil, state: StepState = .pending) {
        self.name = name
        self.object = object
        self.state = state
        attempts = 0
    }

    package var isDone: Bool {
        switch state {
        case .pending, .running, .waiting: false
        case .succeeded, .skipped, .undone, .failed: true
        }
    }
}

/// The client (SO_PEERCRED, and the process's `comm`).
package struct Requester: Equatable, Sendable {
    package let pid: Int32
    package let uid: UInt32
    package let gid: UInt32
    package let command: String?

    package init(pid: Int32, uid: UInt32, gid: UInt32, command: String?) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.command = command
    }
}

/// The object of an operation.
package struct OperationTarget: Equatable, Sendable {
    package let pod: Label
    package let podUID: UID
    /// The task and its incarnation; `nil` if the operation is about the whole pod.
    package let task: Label?
    package let taskUID: UID?

    package init(pod: Label, podUID: UID, task: Label? = nil, taskUID: UID? = nil) {
        self.pod = pod
        self.podUID = podUID
        self.task = task
        self.taskUID = taskUID
    }
}

package struct PodOperation: Equatable, Sendable {
    package let id: UID
    package let kind: OperationKind
    package var state: OperationState
    package let target: OperationTarget
    package var revision: UInt64
    /// The value of the global counter when the operation was accepted. The operations on one pod
    /// run in this order, whatever the clock says and however their ids were chosen.
    package var order: UInt64 = 0
    package var steps: [OperationStep]
    /// Since when, at which step and why the operation makes no progress.
    package var stalled: Stall?
    package let requester: Requester
    /// The number of later requests that were answered with this operation.
    package var joined: Int
    /// The number of daemon restarts during this operation.
    package var resumed: Int
    /// The delete that called off this create.
    package var supersededBy: UID?
    package var error: Failure?
    package let createdAt: Timestamp
    package var finishedAt: Timestamp?
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
    /// The exits of the tasks that the operation ended (API.md: a tombstone has exit codes).
    package var exits: [Label: TaskExit]

    package struct Stall: Equatable, Sendable {
        package let since: Timestamp
        package let step: StepName
        package let why: String

        package init(since: Timestamp, step: StepName, why: String) {
            self.since = since
            self.step = step
            self.why = why
        }
    }

    package init(
        id: UID, kind: OperationKind, target: OperationTarget, revision: UInt64 = 0,
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
