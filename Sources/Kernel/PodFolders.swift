// A pod's own directories, and the places of its parts in them. Daemon and shim agree on them.

/// A pod's own directories on the host.
package struct PodFolders: Equatable, Sendable {
    /// On tmpfs.
    package let run: String
    /// On a disk.
    package let data: String

    package init(run: String, data: String) {
        self.run = run
        self.data = data
    }

    /// The directory of the mount points of a part of the pod.
    package func mounts(of part: String) -> String { "\(run)/\(part)" }

    /// The directory of a part's files.
    package func files(of part: String) -> String { "\(data)/\(PodFolders.name(of: part))" }

    /// The name of a part's files in `data`. No task has that name, because a label contains no
    /// dot.
    package static func name(of part: String) -> String { "." + part }
}
