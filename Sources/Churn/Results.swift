// What a run came to.

package struct RunResult: Sendable {
    package var targets: [TargetResult] = []
    package var settings: [(name: String, value: String)] = []
    package var machine: [(name: String, value: String)] = []
    package var checks: [Check] = []
    /// Why the run ended before its time; `nil` where it did not.
    package var cutShort: String?

    package init() {}

    package func count(_ outcome: Check.Outcome) -> Int { checks.count { $0.outcome == outcome } }

    /// All that had to hold was seen to hold: what was not seen has not passed.
    package var isGood: Bool { count(.failed) == 0 && count(.unseen) == 0 }

    /// 1: something did not hold. 2: nothing failed, and something was not seen.
    package var exitCode: Int32 { count(.failed) > 0 ? 1 : count(.unseen) > 0 ? 2 : 0 }
}

package struct TargetResult: Sendable {
    package let target: Target
    package var seconds = 0.0
    /// Made and deleted.
    package var pods = 0
    /// Creates that failed; those of pods whose shim or runc was killed are counted apart.
    package var failed = 0
    package var failedByKill = 0
    /// CPU seconds of all that the target is made of; `nil` where nothing accounts for it.
    package var cpu: Double?
    package var latencies = Latencies()
    package var samples: [Sample] = []
    package var kills: [Kill] = []
    /// Seconds from a kill of the daemon until it was ready again.
    package var restarts: [Double] = []

    package init(_ target: Target) { self.target = target }

    package var rate: Double { seconds > 0 ? Double(pods) / seconds : 0 }
    package var cpuPerPod: Double? { pods > 0 ? cpu.map { $0 / Double(pods) } : nil }
}

package enum Target: String, CaseIterable, Sendable {
    case staunch, podman, runc
}

/// One thing that had to hold.
package struct Check: Equatable, Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        case passed, failed
        /// It could not be judged.
        case unseen
        /// No verdict: worth knowing, and nothing that had to hold.
        case noted
    }

    package let name: String
    package let outcome: Outcome
    /// What was seen, in a few words.
    package let seen: String
    /// What is wrong, by name.
    package let details: [String]

    package init(_ name: String, _ outcome: Outcome, _ seen: String, _ details: [String] = []) {
        self.name = name
        self.outcome = outcome
        self.seen = seen
        self.details = details
    }
}
