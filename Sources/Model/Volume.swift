// The volumes of a pod: directories that its tasks share.

package import Kernel

/// A directory that the pod's tasks share. It is made with the pod and removed with it.
package struct VolumeSpec: Equatable, Sendable {
    /// Where the volume's files are.
    package enum Medium: Equatable, Sendable {
        /// In the data directory.
        case disk
        /// In a file system in memory. `size` is in bytes; without it the kernel allows half of all
        /// memory.
        case memory(size: Int64?)
    }

    /// The name, which is unique in the pod.
    package var name: Label
    /// Where its files are; it never changes.
    package var medium: Medium

    package init(name: Label, medium: Medium = .disk) {
        self.name = name
        self.medium = medium
    }

    /// The name of all volumes together, as a part of the pod.
    package static let part = "volumes"

    /// The path at which the runtime finds the volume.
    package func path(in folders: PodFolders) -> String {
        switch medium {
        case .disk: "\(folders.files(of: VolumeSpec.part))/\(name)"
        case .memory: "\(folders.mounts(of: VolumeSpec.part))/\(name)"
        }
    }
}
