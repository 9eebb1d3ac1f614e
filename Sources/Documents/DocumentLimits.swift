//  The limits of documents.

/// Limits of documents. If no unit is named, the limit is a count.
package enum DocumentLimits {
    /// Bytes of a request's body, and of a pod's spec with all tasks and defaults. The second holds
    /// so that small additions cannot make a spec that is too large for a PUT.
    package static let bytes = 1 << 20
    /// Bytes at which a page of a list ends; the item that reaches the limit is the page's last.
    package static let pageBytes = 1 << 20
    /// Labels of a pod or a task, and annotations of one.
    package static let notes = 256
    /// Bytes of a label's or annotation's value.
    package static let noteBytes = 64 * 1024
    package static let tasks = 64
    /// Bytes of the reason for which a step is abandoned.
    package static let reasonBytes = 1024
    /// Arguments of a task, and variables of its environment.
    package static let args = 1024
    package static let mounts = 128
    /// Bytes; runc refuses a container with less, because its own init has to fit.
    package static let leastMemory: Int64 = 6_291_456
    /// PID_MAX_LIMIT of 64-bit kernels (proc(5)).
    package static let mostPids: Int64 = 4_194_304
    /// CPUs.
    package static let cpus = 0.01...1024.0
    /// Seconds.
    package static let grace = 0.0...86_400.0
    /// Seconds.
    package static let execTimeout = 0.001...31_536_000.0
    /// Characters of a terminal's line, and lines.
    package static let terminalSize: ClosedRange<Int64> = 1...65_535
    /// Bytes of each of an exec's streams in an answer.
    package static let execOutput: ClosedRange<Int64> = 0...16_777_216
    /// Restarts of a task.
    package static let retries: ClosedRange<Int64> = 0...1_000_000_000
    /// Seconds from one health check of a task to the next, and of one check.
    package static let healthInterval = 0.1...86_400.0
    package static let healthTimeout = 0.01...3600.0
    /// Failures in a row.
    package static let healthRetries: ClosedRange<Int64> = 1...1000
    /// Seconds: a year.
    package static let ttl = 0.0...31_536_000.0
    /// Bytes of one file of a log, and files.
    package static let logSize: ClosedRange<Int64> = 65_536...(1 << 50)
    package static let logFiles: ClosedRange<Int64> = 2...1000
}
