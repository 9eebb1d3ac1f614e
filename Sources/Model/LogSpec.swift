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
    /// The absolute path of a file of the client's, which is neither rotated nor removed; `nil` for
    /// files of the daemon's.
    package var path: String? {
        didSet { (maxSize, maxFiles) = (defaultMaxSize, defaultMaxFiles) }
    }
    /// The size in bytes from which the log goes on in a new file; `nil` for a client's file.
    package var maxSize: Int64? = LogSpec.usualMaxSize
    /// The most files of the log, the current one included; `nil` for a client's file.
    package var maxFiles: Int64? = LogSpec.usualMaxFiles

    package init() {}

    /// Bytes. It is the kubelet's default.
    private static let usualMaxSize: Int64 = 10 << 20
    /// It is the kubelet's default.
    private static let usualMaxFiles: Int64 = 5

    /// The limits of a log without its own; a client's file has none.
    package var defaultMaxSize: Int64? { path == nil ? LogSpec.usualMaxSize : nil }
    /// The same for the number of files.
    package var defaultMaxFiles: Int64? { path == nil ? LogSpec.usualMaxFiles : nil }
}
