// What of ours the machine shows: by name, since every name follows from a pod's uid.

import Bytes
package import Documents
import Linux
package import Model

/// What was seen of one kind of resource.
package struct Observation: Sendable {
    package let kind: AuditLine.Kind
    /// By the uid in the name.
    package var names: [String: String]
    /// Those of them that no record named at the time.
    package var unrecorded: [String: String]
    /// Whether every settled pod has one.
    package let isOwed: Bool
    /// Whether what no record names may be put away. What stands on the host's mount table is
    /// never ours to unmount: a pod's mounts are in its shim's namespace.
    package let isCollected: Bool

    package init(
        _ kind: AuditLine.Kind, _ names: [String: String], recorded: Set<UID>,
        isOwed: Bool = false, isCollected: Bool = true
    ) {
        self.kind = kind
        self.names = names
        unrecorded = names.filter { name, _ in !(UID(name).map(recorded.contains) ?? false) }
        self.isOwed = isOwed
        self.isCollected = isCollected
    }
}

extension LinuxHost {
    func observe(_ records: any Recorded) async -> [Observation] {
        let disks = await disks.look(self, records)
        records.beginLook()
        let folders = entries(layout.pods)
        let shims = folders.filter { isAlive($0.key) }
        let sockets = folders.filter { exists($0.value + "/shim.sock") }
        let (cgroups, mounts) = (cgroups(), mounts())
        let known = records.endLook()
        return [
            Observation(.directories, folders, recorded: known, isOwed: true),
            Observation(.shims, shims, recorded: known, isOwed: true),
            Observation(.sockets, sockets, recorded: known, isOwed: true, isCollected: false),
            Observation(.cgroups, cgroups, recorded: known, isOwed: true),
            Observation(.mounts, mounts, recorded: [], isCollected: false),
        ] + disks
    }

    func forget(_ orphan: UID) { disks.forget(orphan) }

    private func entries(_ directory: String) -> [String: String] {
        var found: [String: String] = [:]
        ignoring("what cannot be listed is missing, and says so") {
            () throws(SystemCallFailure) in
            for name in try Files.names(in: directory) { found[name] = "\(directory)/\(name)" }
        }
        return found
    }

    private func exists(_ path: String) -> Bool {
        do { return try Files.exists(path) } catch { return false }
    }

    private func isAlive(_ name: String) -> Bool {
        guard let uid = UID(name) else { return false }
        do { return try shimPresence(uid) == .lives } catch { return false }
    }

    private func cgroups() -> [String: String] {
        var found: [String: String] = [:]
        for hierarchy in facts.hierarchies {
            let parent = hierarchy.directory(layout.settings.cgroupParent)
            for (name, path) in entries(parent) where UID(name) != nil && found[name] == nil {
                found[name] = path
            }
        }
        return found
    }

    /// On the host there should be none: a pod's mounts are in its shim's namespace.
    private func mounts() -> [String: String] {
        var found: [String: String] = [:]
        ignoring("mountinfo can always be read") { () throws(SystemCallFailure) in
            let parents = [layout.pods, layout.settings.dataDirectory].map { $0 + "/" }
            for mount in try MountInfo.current() {
                // A mount is an orphan even where its pod is recorded.
                for rest in parents.compactMap({ mount.mountPoint.after($0) }) {
                    found["mount " + rest] = mount.mountPoint
                }
            }
        }
        return found
    }
}
