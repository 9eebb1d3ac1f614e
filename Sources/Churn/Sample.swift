// The observations of one second.

package struct Sample: Equatable, Sendable {
    /// Seconds since the start.
    package var at = 0.0
    /// Pods that were created and deleted so far.
    package var pods = 0
    /// The start time of the observed daemon, in seconds since 1970; it identifies the daemon's
    /// life.
    package var daemonStart: Double?
    /// The daemon's memory; `nil` while there is no daemon.
    package var memory: Double?
    package var descriptors: Double?
    package var openOperations: Int?
    package var shims = ShimUsage()
    /// The audit by kind, if one was taken for this sample.
    package var account: [AccountLine] = []

    package init() {}

    func account(_ kind: String) -> AccountLine? { account.first { $0.kind == kind } }
}

package struct ShimUsage: Equatable, Sendable {
    package var count = 0
    /// The mean of the anonymous bytes of all shims.
    package var memory = 0.0
    package var descriptors = 0.0
    package var each: [ShimLook] = []

    package init() {}
}

/// One sample of one shim.
package struct ShimLook: Equatable, Sendable {
    package let life: ShimLife
    package let memory: Double
    package let descriptors: Double

    package init(_ life: ShimLife, memory: Double, descriptors: Double) {
        self.life = life
        self.memory = memory
        self.descriptors = descriptors
    }
}

/// A shim's process: its pid and its start time.
package struct ShimLife: Hashable, Sendable {
    package let pid: Int32
    package let startTicks: UInt64

    package init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }
}

/// One line of `/v1/audit`.
package struct AccountLine: Equatable, Sendable {
    package let kind: String
    package let recorded: Int
    package let observed: Int
    package let unrecorded: [String]
    package let missing: [String]

    package init(
        kind: String, recorded: Int, observed: Int, unrecorded: [String] = [],
        missing: [String] = []
    ) {
        self.kind = kind
        self.recorded = recorded
        self.observed = observed
        self.unrecorded = unrecorded
        self.missing = missing
    }
}
