// What the shim knows of a task's restarts.

import Kernel
import Linux
import ShimProtocol

struct RestartState {
    /// An update changes all of it but the first attempt.
    private(set) var policy: WireRestart
    /// Since a stop or a removal the task is never restarted.
    var isOver = false
    /// The present attempt is a restart: the shim has made it without a request.
    var isRestart = false
    /// The last process of the task. Unlike the slot's, it stays when the attempt is removed.
    var lastProcess: ProcessIdentity?
    /// CLOCK_BOOTTIME in nanoseconds, and milliseconds since 1970, of the present attempt's start.
    var startedAt: Int64?
    var startedWall: Int64?
    /// When the present attempt was due, in milliseconds since 1970.
    var madeFor: Int64?
    /// Milliseconds of the last pause; `nil` before the first one.
    var pause: Int64?
    /// The file contains the exit of the last attempt that has ended.
    var isStored = true
    /// The daemon has stored the exits up to this attempt.
    var acknowledged: UInt32
    /// The space of the exits before this attempt is free.
    var freed: UInt32 = 0
    /// Why the last attempt had no process; `nil` if it had one.
    var refusal: String?
    /// The present attempt was ended because the task is unhealthy: the next attempt begins,
    /// whatever the policy says.
    var isUnhealthy = false
    /// The next attempt; `nil` if the task runs, or is not to be restarted.
    var next: NextAttempt?

    init(_ policy: WireRestart) {
        self.policy = policy
        acknowledged = policy.firstAttempt - 1
    }

    /// Nanoseconds of running after which the pauses begin again.
    private static let steady: Int64 = 10_000_000_000

    /// Whether the policy restarts a task whose attempt has ended so.
    func wants(after exit: TaskExit, of attempt: UInt32) -> Bool {
        switch policy.policy {
        case _ where isUnhealthy: break
        case .always: break
        case .onFailure: if exit.status == .code(0) { return false }
        case .unhealthy: return false
        }
        return allowsAnother(after: attempt)
    }

    /// Whether anything but the policy is against another attempt.
    func allowsAnother(after attempt: UInt32) -> Bool {
        !isOver && policy.maxRetries.map { attempt <= $0 } ?? true
    }

    /// Other pauses begin with the first of them. The pause of an attempt that is due stays.
    mutating func change(to new: WireRestart) {
        if new.initial != policy.initial || new.longest != policy.longest { pause = nil }
        policy = WireRestart(
            policy: new.policy, maxRetries: new.maxRetries, initial: new.initial,
            longest: new.longest, firstAttempt: policy.firstAttempt)
    }

    /// Returns the milliseconds until the next attempt.
    mutating func takePause(at now: Int64) -> Int64 {
        let hasRun = startedAt.map { now - $0 >= RestartState.steady } ?? false
        let next = hasRun ? policy.initial : pause.map { $0 * 2 } ?? policy.initial
        // A packet may contain any number, so a pause is a year at most.
        let pause = min(max(next, 0), min(max(policy.longest, 0), 31_536_000_000))
        self.pause = pause
        return pause
    }
}

/// An attempt that is to begin.
struct NextAttempt {
    /// CLOCK_BOOTTIME in nanoseconds.
    var due: Int64
    /// The same in milliseconds since 1970.
    var dueWall: Int64
    /// CLOCK_BOOTTIME in nanoseconds of the next look.
    var look: Int64
    /// The requests to start the task now.
    var ids: [UInt32] = []
    /// The runtime's own removal of the last attempt has been tried.
    var hasRunDelete = false
    /// CLOCK_BOOTTIME in nanoseconds since when nothing is left of the last attempt.
    var clearSince: Int64?
    /// What it waits for, if that is not its time.
    var waiting: String?
}
