// How often and when a task is restarted.

package import Kernel

/// The restarts that a task's spec asks for. The pod's shim carries them out.
package struct RestartSpec: Equatable, Sendable {
    /// The exits after which a task is restarted.
    package enum Policy: String, Sendable, CaseIterable {
        case never
        /// After any exit but the code 0.
        case onFailure = "on-failure"
        case always
    }

    /// The exits after which the task is restarted.
    package var policy: Policy
    /// How often at most; `nil` if there is no limit.
    package var maxRetries: Int64?
    /// Milliseconds from an exit to the first restart. Each further pause is twice as long, until
    /// the task has run for 10 s.
    package var initialBackoff: Int64
    /// Milliseconds: the longest pause.
    package var maxBackoff: Int64

    package init(
        policy: Policy = .never, maxRetries: Int64? = nil, initialBackoff: Int64 = 100,
        maxBackoff: Int64 = 60_000
    ) {
        self.policy = policy
        self.maxRetries = maxRetries
        self.initialBackoff = initialBackoff
        self.maxBackoff = maxBackoff
    }
}

/// The next attempt of a task that is to be restarted.
package struct NextStart: Equatable, Sendable {
    /// When it is due.
    package let at: Timestamp
    /// What it waits for beside its time, or why the last attempt had no process; `nil` if neither.
    package let waitsFor: String?

    package init(at: Timestamp, waitsFor: String? = nil) {
        self.at = at
        self.waitsFor = waitsFor
    }
}

extension PodTask {
    /// The most exits that a task's record keeps.
    package static let exitsKept = 16

    /// The last exit; `nil` before the first one.
    package var lastExit: AttemptExit? { exits.last }

    /// Whether its shim restarts the task, and so numbers its exits.
    package var isRestarted: Bool { spec.isRestarted }

    /// How often the task was restarted.
    package var restarts: UInt32 { attempt - 1 }

    /// Stores the exit of an attempt. The first record of an exit stays (law 8): the result is then
    /// `false`.
    package mutating func sawExit(_ exit: TaskExit, of number: UInt32) -> Bool {
        guard number > lastExit?.attempt ?? 0 else { return false }
        exits.append(AttemptExit(attempt: number, exit))
        if exits.count > PodTask.exitsKept { exits.removeFirst() }
        attempt = max(attempt, number)
        nextStart = nil
        switch state {
        case .deleting: state = .deleting(exit)
        case .creating, .created, .running, .paused, .exited: state = .exited(exit)
        }
        return true
    }

    /// Notes that the shim has begun a later attempt. It waits for its start if `time` is `nil`.
    package mutating func sawAttempt(
        _ number: UInt32, _ process: ProcessIdentity, startedAt time: Timestamp?
    ) {
        guard number > attempt, number > lastExit?.attempt ?? 0 else { return }
        attempt = number
        nextStart = nil
        startedAt = time
        switch state {
        case .deleting: break
        case .creating, .created, .running, .paused, .exited:
            state = time == nil ? .created(process) : .running(process)
        }
    }

    /// Notes when the task is restarted; `nil` if it is not.
    package mutating func sawNextStart(_ next: NextStart?) {
        guard case .exited = state else { return }
        nextStart = next
    }
}
