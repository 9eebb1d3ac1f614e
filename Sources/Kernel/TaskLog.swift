// What is known of a task's log.

/// What a task has written since it was made.
package struct LogTotals: Equatable, Sendable {
    /// Bytes of output that were read for the log.
    package var bytes: UInt64
    package var lines: UInt64
    /// Bytes that the log does not have, because its disk did not take them in time, or refused
    /// them.
    package var dropped: UInt64

    package init(bytes: UInt64 = 0, lines: UInt64 = 0, dropped: UInt64 = 0) {
        self.bytes = bytes
        self.lines = lines
        self.dropped = dropped
    }

    package static func + (one: LogTotals, other: LogTotals) -> LogTotals {
        LogTotals(
            bytes: one.bytes + other.bytes, lines: one.lines + other.lines,
            dropped: one.dropped + other.dropped)
    }
}

/// The state of a task's log.
package struct LogState: Equatable, Sendable {
    package var totals: LogTotals
    /// The log has everything that the task's attempt has written, and nothing will follow.
    package var isComplete: Bool

    package init(totals: LogTotals = LogTotals(), isComplete: Bool = false) {
        self.totals = totals
        self.isComplete = isComplete
    }
}
