// How long a blob waits before the next attempt. Pacing changes the load and never the outcome: no
// number of attempts ends a fetch.

/// The delays of one blob, in milliseconds.
struct Pacing: Equatable, Sendable {
    private var failures = 0

    /// A registry's Retry-After counts up to this, so that it cannot park a fetch for days.
    static let longestRetryAfter = 600_000

    /// An attempt got no byte: 0.2 s, 0.4 s, … 25.6 s, 30 s.
    mutating func failed(retryAfter seconds: Int?) -> Int {
        failures = min(failures + 1, 9)
        let own = min(30_000, 100 << failures)
        guard let seconds, seconds > 0 else { return own }
        return max(own, min(seconds, Pacing.longestRetryAfter / 1000) * 1000)
    }

    /// An attempt got bytes, and was cut.
    mutating func advanced() -> Int {
        failures = 0
        return 100
    }
}
