// Cgroups in every hierarchy that is mounted: v1, hybrid and v2 (cgroups(7)).
//
// cgroupfs lives in memory: none of these calls waits for a disk.

import CLinux
import Glibc

/// One mounted cgroup hierarchy.
package struct CgroupHierarchy: Hashable, Sendable {
    /// Where it is mounted.
    package let mountPoint: String
    package let isUnified: Bool
    /// The v1 controllers, or `name=…`'s name; empty for the unified hierarchy.
    package let controllers: [String]

    package func directory(_ path: String) -> String { mountPoint + path }

    package func has(_ controller: String) -> Bool { controllers.contains(controller) }
}

package enum Cgroups {
    /// Every hierarchy in this mount namespace, each once.
    package static func hierarchies() throws(SystemCallFailure) -> [CgroupHierarchy] {
        var found: [CgroupHierarchy] = []
        var devices: Set<String> = []
        for mount in try MountInfo.current() where mount.type.hasPrefix("cgroup") {
            guard mount.root == "/", devices.insert(mount.device).inserted else { continue }
            let isUnified = mount.type == "cgroup2"
            let controllers = isUnified ? [] : controllers(mount.superOptions)
            found.append(
                CgroupHierarchy(
                    mountPoint: mount.mountPoint, isUnified: isUnified, controllers: controllers))
        }
        return found
    }

    private static func controllers(_ superOptions: String) -> [String] {
        superOptions.split(separator: ",").map(String.init).filter { $0 != "rw" && $0 != "ro" }
    }
}

/// A cgroup by its path from the root of each hierarchy, such as `/staunch/<uid>/pod/task-app`.
package struct Cgroup: Sendable {
    package let path: String
    package let hierarchies: [CgroupHierarchy]

    package init(path: String, hierarchies: [CgroupHierarchy]) {
        self.path = path
        self.hierarchies = hierarchies
    }

    /// Makes it in each hierarchy and moves the caller there. v1's cpuset is left out: a new cgroup
    /// has no processors in it, and nothing of ours is bound to some.
    package func join() throws(SystemCallFailure) {
        for hierarchy in hierarchies where !hierarchy.has("cpuset") {
            let directory = hierarchy.directory(path)
            try Files.makeDirectories(directory, mode: 0o755)
            try Files.poke(directory + "/cgroup.procs", "0")
        }
    }

    /// The hierarchies in which it still stands.
    package func standing() throws(SystemCallFailure) -> [String] {
        var standing: [String] = []
        for hierarchy in hierarchies where try Files.exists(hierarchy.directory(path)) {
            standing.append(hierarchy.directory(path))
        }
        return standing
    }

    /// The processes in it and below it, in any hierarchy. Zombies do not count: they hold nothing.
    package func processes() throws(SystemCallFailure) -> Set<Int32> {
        var pids: Set<Int32> = []
        for hierarchy in hierarchies {
            try collect(hierarchy.directory(path), into: &pids)
        }
        return pids.filter { ProcessFiles.state(of: $0).map { $0 != "Z" && $0 != "X" } ?? false }
    }

    private func collect(
        _ directory: String, into pids: inout Set<Int32>
    ) throws(SystemCallFailure) {
        let text: String
        do { text = try Files.text(directory + "/cgroup.procs", limit: 1 << 20) } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return }
            // A threaded cgroup of v2 has no processes of its own, and says so.
            guard error.errno == EOPNOTSUPP else { throw error }
            text = try Files.text(directory + "/cgroup.threads", limit: 1 << 20)
        }
        for line in text.split(separator: "\n") { if let pid = Int32(line) { pids.insert(pid) } }
        for child in try subdirectories(of: directory) { try collect(child, into: &pids) }
    }

    /// Whatever its name: a task that was given its cgroup makes what it likes in it.
    private func subdirectories(of directory: String) throws(SystemCallFailure) -> [String] {
        try Files.directories(in: directory).map { "\(directory)/\($0)" }
    }

    /// Ends all that is in it: thaws from the leaves up, then `cgroup.kill` where there is one,
    /// and SIGKILL to each process that is seen. Who forks meanwhile is for the next call: look
    /// again with `processes()` until there are none (law 9).
    package func kill() throws(SystemCallFailure) {
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            guard try Files.exists(directory) else { continue }
            try thaw(directory, hierarchy)
            if hierarchy.isUnified {
                ignoring("a kernel before 5.14 has no cgroup.kill; each process is killed below") {
                    () throws(SystemCallFailure) in
                    try Files.poke(directory + "/cgroup.kill", "1")
                }
            }
        }
        for pid in try processes() { killIfStillHere(pid) }
    }

    /// Never a bare pid: the number is pinned, and only then is it looked up again.
    private func killIfStillHere(_ pid: Int32) {
        guard let process = PidDescriptor.opening(pid), holds(pid) else { return }
        process.send(SIGKILL)
    }

    /// Whether `/proc/<pid>/cgroup` names this cgroup, or one below it, in any hierarchy.
    private func holds(_ pid: Int32) -> Bool {
        guard let lines = ProcessFiles.cgroups(of: pid) else { return false }
        // By bytes: a child's name may begin with what would swallow the slash.
        return lines.contains { $0 == path || $0.utf8.starts(with: "\(path)/".utf8) }
    }

    private func thaw(
        _ directory: String, _ hierarchy: CgroupHierarchy
    ) throws(SystemCallFailure) {
        guard hierarchy.isUnified || hierarchy.has("freezer") else { return }
        for child in try subdirectories(of: directory) { try thaw(child, hierarchy) }
        let (file, text) =
            hierarchy.isUnified ? ("/cgroup.freeze", "0") : ("/freezer.state", "THAWED")
        ignoring("gone meanwhile, or a kernel without a freezer") {
            () throws(SystemCallFailure) in
            try Files.poke(directory + file, text)
        }
    }

    /// Removes it and what is below it in each hierarchy. EBUSY: something is in it yet. `children`
    /// are names that are likely below it: removed first, they spare reading the directories.
    package func remove(children: [String] = []) throws(SystemCallFailure) {
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            for child in children {
                ignoring("a child that is in use or has children is met again below") {
                    () throws(SystemCallFailure) in
                    try Files.removeDirectory("\(directory)/\(child)")
                }
            }
            try removeTree(directory)
        }
    }

    private func removeTree(_ directory: String) throws(SystemCallFailure) {
        do { try Files.removeDirectory(directory) } catch {
            guard error.errno == EBUSY || error.errno == ENOTEMPTY else { throw error }
            let children = try subdirectories(of: directory)
            if children.isEmpty { throw error }
            for child in children { try removeTree(child) }
            try Files.removeDirectory(directory)
        }
    }

    /// Whether the kernel killed in it for want of memory (v1's memory.oom_control, v2's
    /// memory.events); `false` where neither can be read.
    package func sawOutOfMemory() -> Bool {
        for hierarchy in hierarchies where hierarchy.isUnified || hierarchy.has("memory") {
            let file = hierarchy.isUnified ? "/memory.events" : "/memory.oom_control"
            var text = ""
            ignoring("no memory controller here") { () throws(SystemCallFailure) in
                text = try Files.text(hierarchy.directory(path) + file)
            }
            for line in text.split(separator: "\n") where line.hasPrefix("oom_kill ") {
                if line != "oom_kill 0" { return true }
            }
        }
        return false
    }
}
