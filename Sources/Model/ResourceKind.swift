/// A kind of object, as the audit, the metrics and the orphan collector name it. Each kind belongs
/// to one resource (`Engine/Resources`).
package enum ResourceKind: String, Sendable, CaseIterable {
    /// The pods' folders in the run directory.
    case directories
    case shims
    case sockets
    case cgroups
    /// Our mounts in the host's mount namespace, which should have none.
    case mounts
    /// The pods' folders in the data directory.
    case data
    /// The pods' folders in the log directory.
    case logs
    case namespaces

    /// Whether each pod that is neither being created nor deleted has an object of the kind.
    package var isOwed: Bool {
        switch self {
        case .directories, .shims, .sockets, .cgroups: true
        case .mounts, .data, .logs, .namespaces: false
        }
    }

    /// Whether an object without a record is removed. A socket is removed with its pod's folder. A
    /// mount in the host's namespace is never ours to unmount. The daemon cannot take a descriptor
    /// of a namespace away from a task.
    package var isCollected: Bool {
        switch self {
        case .directories, .shims, .cgroups, .data, .logs: true
        case .sockets, .mounts, .namespaces: false
        }
    }
}
