// The results of a run.

package struct RunResult: Sendable {
    package var targets: [TargetResult] = []
    package var settings: [(name: String, value: String)] = []
    package var machine: [(name: String, value: String)] = []
    package var checks: [Check] = []
    /// Why the run ended early; `nil` if it did not.
    package var cutShort: String?

    package init() {}

    package func count(_ outcome: Check.Outcome) -> Int { checks.count { $0.outcome == outcome } }

    /// Whether every check passed; a check without observations has not passed.
    package var isGood: Bool { count(.failed) == 0 && count(.unseen) == 0 }

    /// 1: a check failed. 2: no check failed, but something was not observed.
    package var exitCode: Int32 { count(.failed) > 0 ? 1 : count(.unseen) > 0 ? 2 : 0 }
}

package struct TargetResult: Sendable {
    package let target: Target
    package var seconds = 0.0
    /// Pods that were created and deleted.
    package var pods = 0
    /// Failed creates, except those of pods whose shim or runc was killed; see `failedByKill`.
    package var failed = 0
    package var failedByKill = 0
    /// CPU seconds of all processes of the target; `nil` if nothing accounts for it.
    package var cpu: Double?
    package var latencies = Latencies()
    package var samples: [Sample] = []
    package var kills: [Kill] = []
    /// Seconds from a kill of the daemon until it was ready again.
    package var restarts: [Double] = []
    package var execs = 0
    /// Execs that ended with the connection of their client.
    package var execsCut = 0
    /// Lines of logs that were followed.
    package var lines = 0
    /// Attempts of restarted tasks whose exits the events told.
    package var attempts = 0

    package init(_ target: Target) { self.target = target }

    package var rate: Double { seconds > 0 ? Double(pods) / seconds : 0 }
    package var cpuPerPod: Double? { pods > 0 ? cpu.map { $0 / Double(pods) } : nil }
}

package enum Target: String, CaseIterable, Sendable {
    case staunch, podman, runc
}

/// One condition that must hold.
package struct Check: Equatable, Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        case passed, failed
        /// The condition could not be judged.
        case unseen
        /// No verdict: worth reporting, but not a condition.
        case noted
    }

    package let name: String
    package let outcome: Outcome
    /// A short summary of the observation.
    package let seen: String
    /// The names of the faulty things.
    package let details: [String]

    package init(_ name: String, _ outcome: Outcome, _ seen: String, _ details: [String] = []) {
        self.name = name
        self.outcome = outcome
        self.seen = seen
        self.details = details
    }
}
