// The machine's cgroups. They live in memory: nothing here waits, but for lowered limits.

import Bytes
import Linux
import Model

extension LinuxHost {
    private func cgroup(_ path: String) -> Cgroup {
        Cgroup(path: path, hierarchies: facts.hierarchies)
    }

    func processes(in path: String) throws(SystemCallFailure) -> Set<Int32> {
        try cgroup(path).processes()
    }

    func kill(_ path: String) throws(SystemCallFailure) { try cgroup(path).kill() }

    func remove(_ path: String, children: [String]) throws(SystemCallFailure) {
        try cgroup(path).remove(children: children)
    }

    func directories(of path: String) throws(SystemCallFailure) -> [String] {
        try cgroup(path).directories()
    }

    func limit(_ pod: UID, _ resources: Resources) throws(SystemCallFailure) {
        for (file, text) in try limits(pod, resources, lifting: false) {
            try Files.writeControlFile(file, text)
        }
    }

    /// By a helper: to take memory away that is in use, the kernel writes it out first.
    func limitAgain(
        _ pod: UID, _ resources: Resources
    ) async throws(SystemCallFailure) -> Blocker? {
        let words = try limits(pod, resources, lifting: true).flatMap { [$0.file, $0.text] }
        if words.isEmpty { return nil }
        return try await runHelper(["control"] + words, for: pod)
    }

    /// The files and what is to stand in them; makes the directories that they are in.
    private func limits(
        _ pod: UID, _ resources: Resources, lifting: Bool
    ) throws(SystemCallFailure) -> [(file: String, text: String)] {
        let path = layout.workload(pod)
        var found: [(file: String, text: String)] = []
        for hierarchy in facts.hierarchies {
            for limit in PodLimit.all(resources, hierarchy) where limit.isSet || lifting {
                let directory = hierarchy.directory(path)
                if hierarchy.isUnified { try delegate(hierarchy, path) }
                try Files.makeDirectories(directory, mode: 0o755)
                found.append(("\(directory)/\(limit.file)", limit.text))
            }
        }
        return found
    }

    /// v2: a controller is there for a cgroup only where every one above hands it down
    /// (cgroup.subtree_control in the kernel's cgroup-v2 document).
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
