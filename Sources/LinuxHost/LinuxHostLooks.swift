// The objects of ours that the machine shows, kind by kind.

import Bytes
package import Host
package import Kernel
import Linux
package import Model

extension LinuxHost {
    package func runFolders() throws(SystemCallFailure) -> [String: String] {
        try entries(layout.pods)
    }

    package func hasSocket(_ pod: UID) throws(SystemCallFailure) -> Bool {
        try Files.exists(layout.pod(pod) + "/shim.sock")
    }

    package func cgroups() throws(SystemCallFailure) -> [String: String] {
        var found: [String: String] = [:]
        for hierarchy in kernel.hierarchies {
            let parent = hierarchy.directory(layout.settings.cgroupParent)
            // Some hierarchies may have no parent, because cgroups are made only when a pod needs
            // them.
            guard try Files.exists(parent) else { continue }
            for (name, path) in try entries(parent) where found[name] == nil {
                if UID(ours: name) != nil { found[name] = path }
            }
        }
        return found.merging(outside.look(self)) { own, _ in own }
    }

    package func mounts() throws(SystemCallFailure) -> [String: String] {
        var found: [String: String] = [:]
        let parents = [layout.pods, layout.settings.dataDirectory].map { $0 + "/" }
        for mount in try MountInfo.current() {
            // A mount is an orphan even if its pod is recorded, so its name is never a uid alone.
            for rest in parents.compactMap({ mount.mountPoint.after($0) }) {
                found["mount " + rest] = mount.mountPoint
            }
        }
        return found
    }

    package func hostMounts() throws(SystemCallFailure) -> [HostMount] {
        try MountInfo.current().map { HostMount(mountPoint: $0.mountPoint, type: $0.type) }
    }

    package func diskFolders(_ records: any Recorded) async -> [Observation] {
        await disks.look(self, records)
    }

    package func forget(_ orphan: UID) { disks.forget(orphan) }

    private func entries(_ directory: String) throws(SystemCallFailure) -> [String: String] {
        var found: [String: String] = [:]
        for name in try Files.names(in: directory) { found[name] = "\(directory)/\(name)" }
        return found
    }
}
