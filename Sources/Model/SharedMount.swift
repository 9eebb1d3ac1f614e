// Mounts of the host that a task may have made.

import Bytes

/// A mount of the host.
package struct HostMount: Equatable, Sendable {
    /// Absolute.
    package let mountPoint: String
    /// The type of the file system, such as `tmpfs`.
    package let type: String

    package init(mountPoint: String, type: String) {
        self.mountPoint = mountPoint
        self.type = type
    }
}

/// A mount of the host that is below the source of a pod's shared mount. A task of the pod may have
/// made it. It is no leak, and it stays when the pod is deleted.
package struct SharedMount: Equatable, Sendable {
    /// The mount.
    package let mount: HostMount
    /// The incarnation of the pod.
    package let pod: UID
    /// The name of the pod.
    package let name: Label
    /// The task with the shared mount.
    package let task: Label
    /// The source of the shared mount.
    package let source: String

    package init(mount: HostMount, pod: UID, name: Label, task: Label, source: String) {
        self.mount = mount
        self.pod = pod
        self.name = name
        self.task = task
        self.source = source
    }
}

extension Pod {
    /// Returns the mounts that are below the sources of the pod's shared mounts.
    package func shared(among mounts: [HostMount]) -> [SharedMount] {
        tasks.map(\.spec).flatMap { task in
            task.mounts.compactMap(\.sharedSource).flatMap { source in
                mounts.filter { $0.isBelow(source) }.map {
                    SharedMount(mount: $0, pod: uid, name: name, task: task.name, source: source)
                }
            }
        }
    }

    /// Whether a task of the pod has a shared mount.
    package var hasSharedMounts: Bool {
        tasks.contains { $0.spec.mounts.contains { $0.sharedSource != nil } }
    }
}

extension MountSpec {
    fileprivate var sharedSource: String? {
        guard propagation == .shared, case .bind(let source) = kind else { return nil }
        return source
    }
}

extension HostMount {
    fileprivate func isBelow(_ directory: String) -> Bool {
        mountPoint.isInside(directory) && !directory.isInside(mountPoint)
    }
}
