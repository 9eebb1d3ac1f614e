// A task's log, as it is asked for.

/// The limits of a task's log.
package struct LogSpec: Equatable, Sendable {
    /// What happens if the log's disk does not take anything for a second.
    package enum Stall: String, Sendable {
        /// Output is dropped and counted, and the task runs on.
        case drop
        /// The task waits for the disk.
        case block
    }

    /// What happens if the log's disk is slow.
    package var onStall = Stall.drop
    /// The size in bytes from which the log goes on in a new file.
    package var maxSize = defaultMaxSize
    /// The most files of the log, the current one included.
    package var maxFiles = defaultMaxFiles

    package init() {}

    /// Bytes. It is the kubelet's default.
    package static let defaultMaxSize: Int64 = 10 << 20
    /// It is the kubelet's default.
    package static let defaultMaxFiles: Int64 = 5
}
