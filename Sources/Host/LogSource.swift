// A task's log, as a helper reads it.

/// The next part of a log.
package enum LogPull: Equatable, Sendable {
    case bytes([UInt8])
    /// Nothing now: the source calls `ready` when there is something.
    case nothing
    /// Everything was read.
    case end
    /// The helper could not read on.
    case failed
}

/// A helper that reads a task's log. Any thread may call it, and no call blocks.
package protocol LogSource: AnyObject, Sendable {
    /// Takes the next part. A helper whose parts are not taken waits.
    func pull() -> LogPull
    /// Nothing more will be written. A helper that follows the log ends when it has read the rest.
    func finish()
    /// Nothing more is wanted: the helper ends.
    func close()
}
