/// A kind of object as the audit, the metrics and the orphan collector tell it. Each belongs to one
/// resource (`Engine/Resources`).
package enum ResourceKind: String, Sendable, CaseIterable {
    /// The pods' folders in the run directory.
    case directories
    case shims
    case sockets
    case cgroups
    /// Mounts of ours in the host's mount namespace, which has none.
    case mounts
    /// The pods' folders in the data directory.
    case data
    /// The pods' folders in the log directory.
    case logs
    case namespaces

    /// Whether each pod that is neither made nor deleted has one.
    package var isOwed: Bool {
        switch self {
        case .directories, .shims, .sockets, .cgroups: true
        case .mounts, .data, .logs, .namespaces: false
        }
    }

    /// Whether an object without a record is removed. A socket goes with its pod's folder. A mount
    /// in the host's namespace is never ours to unmount, and a task's descriptor of a namespace
    /// cannot be taken away.
    package var isCollected: Bool {
        switch self {
        case .directories, .shims, .cgroups, .data, .logs: true
        case .sockets, .mounts, .namespaces: false
        }
    }
}
