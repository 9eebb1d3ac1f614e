// The volumes of the pod. A volume on the disk is a directory in the pod's folder of the data
// directory. A volume in memory is a tmpfs that is mounted only in the sandbox.
//
// Any user of a task may write into a volume, as into an emptyDir of Kubernetes.

import Bytes
import Kernel
import Linux
import ShimProtocol

final class Volumes: PodPart {
    static let name = "volumes"
    static let hasFolder = true

    private let wanted: [WireVolume]
    private(set) var memory: [MemoryFileSystem] = []

    init(_ document: [UInt8], _ shim: Shim) throws(WireFault) {
        wanted = try WireVolume.parse(document: document)
    }

    func hold() throws(SystemCallFailure) {
        for volume in wanted {
            guard case .memory(let size) = volume.medium,
                !memory.contains(where: { $0.path.isSame(as: volume.path) })
            else { continue }
            // The census recognizes the mount in a task by its source.
            memory.append(
                try MemoryFileSystem(
                    at: volume.path, named: "volume \(volume.name)",
                    options: "mode=0777" + (size.map { ",size=\($0)" } ?? ""), source: volume.path))
        }
    }

    func make() throws(SystemCallFailure) {
        for volume in wanted where volume.medium == .disk { try makeDirectory(volume.path) }
    }

    /// Makes a directory that any user may write into. A directory that exists keeps the mode that
    /// a task may have given it. So the directory gets its name only when it has its mode.
    private func makeDirectory(_ path: String) throws(SystemCallFailure) {
        if try Files.exists(path) { return }
        if let parent = Files.parent(of: path) { try Files.makeDirectories(parent) }
        let draft = path + ".new"
        try Files.removeDirectory(draft)
        try Files.makeDirectory(draft, mode: 0o777)
        try Files.rename(draft, to: path)
    }
}
