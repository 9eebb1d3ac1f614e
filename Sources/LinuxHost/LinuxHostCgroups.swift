// The machine's cgroups. They are in memory, so nothing here blocks, except lowered limits.

import Bytes
import Host
package import Kernel
import Linux
package import Model

extension LinuxHost {
    private func cgroup(_ path: String) -> Cgroup {
        Cgroup(path: path, hierarchies: kernel.hierarchies)
    }

    package func processes(in path: String) throws(SystemCallFailure) -> Set<Int32> {
        try cgroup(path).processes()
    }

    package func kill(_ path: String) throws(SystemCallFailure) { try cgroup(path).kill() }

    package func remove(_ path: String, children: [String]) throws(SystemCallFailure) {
        try cgroup(path).remove(children: children)
    }

    package func directories(of path: String) throws(SystemCallFailure) -> [String] {
        try cgroup(path).directories()
    }

    package nonisolated func hasCgroup(_ path: String) -> Bool {
        kernel.hierarchies.contains { hierarchy in
            do throws(SystemCallFailure) {
                return try Files.exists(hierarchy.directory(path))
            } catch { return false }
        }
    }

    package func outsideCgroups(of pod: UID) throws(SystemCallFailure) -> [String] {
        outside.paths(of: pod, self)
    }

    /// Whether the kernel can limit the processes of a task below this parent of the client's.
    func limitsPids(below parent: String?) -> Bool {
        guard let parent, kernel.limitsPids else { return kernel.limitsPids }
        let limiting = kernel.hierarchies.first { $0.has("pids") }
        guard let limiting else { return true }
        do throws(SystemCallFailure) {
            return try Files.exists(limiting.directory(parent))
        } catch { return true }
    }

    package func limit(_ pod: UID, _ resources: Resources) throws(SystemCallFailure) {
        try limit(layout.workload(pod), resources)
    }

    private func limit(_ path: String, _ resources: Resources) throws(SystemCallFailure) {
        for (file, text) in try limits(path, resources, lifting: false) {
            try Files.writeControlFile(file, text)
        }
    }

    /// Writes the limits by a helper, because the kernel writes memory out before it takes it away.
    package func limitAgain(
        _ pod: UID, _ resources: Resources
    ) async throws(SystemCallFailure) -> Blocker? {
        let words = try limits(layout.workload(pod), resources, lifting: true).flatMap {
            [$0.file, $0.text]
        }
        if words.isEmpty { return nil }
        return try await runHelper(["control"] + words, for: pod)
    }

    /// Makes the cgroup of the pod's plugins, with a limit for a plugin that forks without end.
    func limitPlugins(_ pod: UID) throws(SystemCallFailure) {
        try limit(layout.plugins(pod), Resources(pids: 1024))
    }

    /// Returns the control files and their content; makes the directories of the files.
    private func limits(
        _ path: String, _ resources: Resources, lifting: Bool
    ) throws(SystemCallFailure) -> [(file: String, text: String)] {
        var found: [(file: String, text: String)] = []
        for hierarchy in kernel.hierarchies {
            for limit in PodLimit.all(resources, hierarchy) where limit.isSet || lifting {
                let directory = hierarchy.directory(path)
                if hierarchy.isUnified { try delegate(hierarchy, path) }
                try Files.makeDirectories(directory, mode: 0o755)
                found.append(("\(directory)/\(limit.file)", limit.text))
            }
        }
        return found
    }

    /// v2: a cgroup has a controller only if each ancestor passes it down (cgroup.subtree_control
    /// in the kernel's cgroup-v2 document).
    private func delegate(
        _ hierarchy: CgroupHierarchy, _ path: String
    ) throws(SystemCallFailure) {
        var directory = hierarchy.mountPoint
        for name in path.fields("/") {
            try Files.writeControlFile(directory + "/cgroup.subtree_control", "+memory +cpu +pids")
            directory += "/\(name)"
            try Files.makeDirectories(directory, mode: 0o755)
        }
    }
}
