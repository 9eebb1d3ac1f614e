// What a run came to.

package struct RunResult: Sendable {
    package var targets: [TargetResult] = []
    package var settings: [(name: String, value: String)] = []
    package var machine: [(name: String, value: String)] = []
    package var checks: [Check] = []
    /// Why the run ended before its time; `nil` where it did not.
    package var cutShort: String?

    package init() {}

    package var isGood: Bool { checks.allSatisfy { $0.outcome != .failed } }
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
    package enum Outcome: String, Sendable { case passed, failed, unseen }

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
