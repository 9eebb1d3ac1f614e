// What was seen once a second, and whether it stayed flat.

package struct Sample: Equatable, Sendable {
    /// Seconds since the start.
    package var at = 0.0
    /// Pods that were made and deleted so far.
    package var pods = 0
    /// The daemon's; `nil` while there is none.
    package var memory: Double?
    package var descriptors: Double?
    package var openOperations: Int?
    package var shims = ShimUsage()
    /// The account by kind, where one was taken this time.
    package var account: [AccountLine] = []

    package init() {}

    func account(_ kind: String) -> AccountLine? { account.first { $0.kind == kind } }
}

package struct ShimUsage: Equatable, Sendable {
    package var count = 0
    /// The mean of all shims, in bytes that are its own.
    package var memory = 0.0
    package var descriptors = 0.0

    package init() {}
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

/// The first quarter of a run against its last, by their medians: a look that catches a shim in the
/// middle of a fork, or a daemon that has just begun, is not the rule.
package struct Trend: Equatable, Sendable {
    package let first: Double
    package let last: Double

    /// `nil` where there are too few to speak of quarters.
    package init?(_ values: [Double]) {
        guard values.count >= 40 else { return nil }
        let quarter = values.count / 4
        first = Trend.median(values.prefix(quarter))
        last = Trend.median(values.suffix(quarter))
    }

    private static func median(_ values: some Collection<Double>) -> Double {
        values.sorted()[values.count / 2]
    }

    /// What comes and goes by chance is a tenth, or `slack`.
    package func isFlat(slack: Double) -> Bool { last <= first + max(first * 0.1, slack) }
}
