// Cgroups in every hierarchy that is mounted: v1, hybrid and v2 (cgroups(7)).
//
// cgroupfs lives in memory: none of these calls waits for a disk.

import Bytes
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
        for mount in try MountInfo.current() where mount.type.begins(with: "cgroup") {
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
        superOptions.fields(",").filter { $0 != "rw" && $0 != "ro" }
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
        // For a caller with one thread.
        let mask = OwnProcess.setMask(0o022)
        defer { _ = OwnProcess.setMask(mask) }
        for hierarchy in hierarchies where !hierarchy.has("cpuset") {
            let directory = hierarchy.directory(path)
            try Files.makeDirectories(directory, mode: 0o755, isMasked: true)
            try Files.writeControlFile(directory + "/cgroup.procs", "0")
        }
    }

    /// The hierarchies in which it still stands.
    package func directories() throws(SystemCallFailure) -> [String] {
        var found: [String] = []
        for hierarchy in hierarchies where try Files.exists(hierarchy.directory(path)) {
            found.append(hierarchy.directory(path))
        }
        return found
    }

    /// The processes in it and below it, in any hierarchy. Zombies do not count: they hold nothing.
    package func processes() throws(SystemCallFailure) -> Set<Int32> {
        var pids: Set<Int32> = []
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            try CgroupTree.walk(directory) { (cgroup) throws(SystemCallFailure) in
                pids.formUnion(try CgroupTree.processes(in: cgroup, directory))
            }
        }
        return pids.filter { ProcFS.state(of: $0).map { $0 != "Z" && $0 != "X" } ?? false }
    }

    /// Ends all that is in it: thaws from the leaves up, then `cgroup.kill` where there is one,
    /// and SIGKILL to each process that is seen. Who forks meanwhile is for the next call: look
    /// again with `processes()` until there are none (law 9).
    package func kill() throws(SystemCallFailure) {
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            try thaw(directory, hierarchy)
            guard hierarchy.isUnified else { continue }
            ignoring("gone, or a kernel before 5.14; each process is killed below") {
                () throws(SystemCallFailure) in
                try Files.writeControlFile(directory + "/cgroup.kill", "1")
            }
        }
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            try CgroupTree.walk(directory) { (cgroup) throws(SystemCallFailure) in
                try Cgroup.killMembers(of: cgroup, directory)
            }
        }
    }

    /// Never a bare pid: the number is pinned, and only then is it looked up again. A few at a
    /// time, because each holds a descriptor.
    private static func killMembers(
        of cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) {
        var rest = try CgroupTree.processes(in: cgroup, top)[...]
        while !rest.isEmpty {
            let pinned = rest.prefix(16).compactMap(Pinned.init)
            rest = rest.dropFirst(16)
            if pinned.isEmpty { continue }
            let members = Set(try CgroupTree.processes(in: cgroup, top))
            for process in pinned where members.contains(process.pid) {
                process.descriptor.send(SIGKILL)
            }
        }
    }

    private final class Pinned {
        let pid: Int32
        let descriptor: PidDescriptor

        /// `nil` if there is no such process.
        init?(_ pid: Int32) {
            guard let descriptor = PidDescriptor.opening(pid) else { return nil }
            self.pid = pid
            self.descriptor = descriptor
        }
    }

    private func thaw(
        _ directory: String, _ hierarchy: CgroupHierarchy
    ) throws(SystemCallFailure) {
        guard hierarchy.isUnified || hierarchy.has("freezer") else { return }
        let (file, text) =
            hierarchy.isUnified ? ("cgroup.freeze", "0") : ("freezer.state", "THAWED")
        try CgroupTree.walk(directory) { cgroup in
            ignoring("gone meanwhile, or a kernel without a freezer") {
                () throws(SystemCallFailure) in
                try CgroupTree.writeControlFile(file, text, in: cgroup)
            }
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
            try CgroupTree.walk(directory) { _ in
            } leave: { (parent, name) throws(SystemCallFailure) in
                try CgroupTree.remove(name, in: parent, directory)
            }
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
            for line in text.fields("\n") where line.begins(with: "oom_kill ") {
                if line != "oom_kill 0" { return true }
            }
        }
        return false
    }
}
