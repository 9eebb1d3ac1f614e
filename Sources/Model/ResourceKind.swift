import Kernel

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
    /// The pods' volumes on the disk.
    case volumes
    /// The pods' folders in the log directory.
    case logs
    /// The notes about pods with interfaces of plugins, on the disk.
    case attachments
    case namespaces
    /// The bridges of networks. Their names contain the uid of the network.
    case bridges
    /// The host's ends of the pods' interfaces.
    case interfaces
    /// The pods' host ports in the firewall.
    case ports

    /// Whether this pod, which is neither being created nor deleted, has an object of the kind.
    package func isOwed(by pod: Pod) -> Bool {
        switch self {
        case .directories, .shims, .sockets, .cgroups: true
        case .interfaces: !pod.interfaces.isEmpty
        case .ports: !pod.interfaces.isEmpty && pod.spec.network.bridge?.ports.isEmpty == false
        case .mounts, .data, .volumes, .logs, .attachments, .namespaces, .bridges: false
        }
    }

    /// Whether this network, which exists, has an object of the kind.
    package func isOwed(by network: Network) -> Bool { self == .bridges }

    /// Whether the records tell how many objects of the kind there have to be.
    package var isOwed: Bool {
        switch self {
        case .directories, .shims, .sockets, .cgroups, .bridges, .interfaces, .ports: true
        case .mounts, .data, .volumes, .logs, .attachments, .namespaces: false
        }
    }

    /// The kinds whose objects are parts of pods. The kind's name is the part's name.
    package static let parts = allCases.filter { $0.diskPlace?.isPart ?? false }

    /// Where the objects of the kind are on the disks; `nil` if they are not there.
    package var diskPlace: DiskPlace? {
        switch self {
        case .data: DiskPlace(.data)
        case .volumes: DiskPlace(.data, path: PodFolders.name(of: VolumeSpec.part))
        case .logs: DiskPlace(.logs)
        case .attachments: DiskPlace(.notes)
        case .directories, .shims, .sockets, .cgroups, .mounts, .namespaces, .bridges, .interfaces,
            .ports:
            nil
        }
    }

    /// Whether an object without a record is removed. A socket is removed with its pod's folder. A
    /// mount in the host's namespace is never ours to unmount. The daemon cannot take a descriptor
    /// of a namespace away from a task.
    package var isCollected: Bool {
        switch self {
        case .directories, .shims, .cgroups, .data, .volumes, .logs, .attachments, .bridges,
            .interfaces, .ports:
            true
        case .sockets, .mounts, .namespaces: false
        }
    }
}

/// Where the objects of a kind are on the disks: one for each pod.
package struct DiskPlace: Equatable, Sendable {
    /// The daemon's directories on disks, each with a folder or a file for each pod.
    package enum Root: Sendable { case data, logs, notes }

    /// The directory of all pods' folders.
    package let root: Root
    /// The object's path in the pod's folder; `.` is the folder itself.
    package let path: String

    package init(_ root: Root, path: String = ".") {
        self.root = root
        self.path = path
    }

    /// Whether it is in the pod's folder.
    fileprivate var isPart: Bool { path != "." }
}
