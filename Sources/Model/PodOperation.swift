// An operation: the promise that an accepted request is carried out, for clients to poll.

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
    /// The daemon's own: what a lost pod held is put away.
    case podCleanup = "pod.cleanup"
    /// The daemon's own: what bears our mark and no record names is put away.
    case orphanRemove = "orphan.remove"

    /// Only what makes something can be called off (API.md).
    package var isCreate: Bool { self == .podCreate || self == .taskCreate }
    package var isDelete: Bool { self == .podDelete || self == .taskDelete }

    /// Whether it leaves less than there was.
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
    /// Will try again; `detail` says why.
    case waiting
    case succeeded
    /// Found already gone.
    case skipped
    /// Done, and taken back since.
    case undone
    /// Could not be done; the operation's `error` says why.
    case failed
}

package struct OperationStep: Equatable, Sendable {
    package let name: StepName
    /// The task that the step is about; `nil` for the pod.
    package let object: Label?
    package var state: StepState
    package var attempts: Int
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var retryAt: Timestamp?
    /// What it waits for.
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

/// Who asked (SO_PEERCRED, and the process's `comm`).
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

/// What an operation is about.
package struct OperationTarget: Equatable, Sendable {
    package let pod: Label
    package let podUID: UID
    /// The task and its incarnation, where the operation is about one.
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
    /// The global counter when it was accepted: operations on one pod are taken in this order,
    /// whatever the clock says and whoever chose their ids.
    package var order: UInt64 = 0
    package var steps: [OperationStep]
    /// Since when, at which step and why nothing moves.
    package var stalled: Stall?
    package let requester: Requester
    /// Later requests that were answered with this operation.
    package var joined: Int
    /// Restarts of the daemon that it lived through.
    package var resumed: Int
    /// The delete that called this create off.
    package var supersededBy: UID?
    package var error: Failure?
    package let createdAt: Timestamp
    package var finishedAt: Timestamp?
    package var expiresAt: Timestamp?
    /// A hash of the request: method, path and body, to tell a retry from a reuse.
    package let fingerprint: UInt64
    /// Milliseconds between the stop signal and SIGKILL, where the request named them.
    package var grace: Int64?
    /// The signal of a `task.signal`.
    package var signal: Signal?
    /// What stood before a `pod.update`: it stands again where the update is refused.
    package var formerResources: Resources?
    /// What a `pod.update` is to write. A later one's wishes stand in the pod's spec, too.
    package var wantedResources: Resources?
    /// How the tasks ended, where the operation saw to that (API.md: a tombstone has exit codes).
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

/// Why something could not be done, once, for every place that shows it.
package struct Failure: Error, Equatable, Sendable {
    /// The stable part: what programs look at.
    package let code: String
    /// The HTTP status that it amounts to.
    package let status: Int
    /// For people: what happened, with the words of whoever refused.
    package let detail: String
    /// The step that failed, where it was one.
    package let step: StepName?

    package init(code: String, status: Int, detail: String, step: StepName? = nil) {
        self.code = code
        self.status = status
        self.detail = detail
        self.step = step
    }
}
