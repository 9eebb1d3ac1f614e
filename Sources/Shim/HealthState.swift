// The health of one attempt of a task, as the results of its checks make it.
//
//   starting ──> healthy     a success       starting ──> unhealthy    `retries` failures in a row
//   unhealthy ──> healthy    a success       healthy ──> unhealthy     the same
//
// Until the first success, failures of checks that began in the start period do not count.

import ShimProtocol

struct HealthState {
    private(set) var value = WireHealthState.starting
    /// The failures in a row, up to `retries`.
    private(set) var failures: UInt32 = 0
    private let retries: UInt32
    /// CLOCK_BOOTTIME in nanoseconds of the start period's end.
    private let countsFrom: Int64

    init(retries: UInt32, countsFrom: Int64) {
        self.retries = max(retries, 1)
        self.countsFrom = countsFrom
    }

    /// Returns whether the task has become healthy with this success.
    mutating func sawSuccess() -> Bool {
        failures = 0
        defer { value = .healthy }
        return value != .healthy
    }

    /// Returns whether the task has become unhealthy with the failure of a check that began at
    /// `start`.
    mutating func sawFailure(since start: Int64) -> Bool {
        if value == .starting && start < countsFrom { return false }
        failures = min(failures, retries - 1) + 1
        guard failures == retries, value != .unhealthy else { return false }
        value = .unhealthy
        return true
    }
}
