// Cgroups in every mounted hierarchy: v1, hybrid and v2 (cgroups(7)).
//
// cgroupfs is in memory: none of these calls waits for a disk.

import Bytes
import CLinux
import Glibc
package import Kernel

/// One mounted cgroup hierarchy.
package struct CgroupHierarchy: Hashable, Sendable {
    /// The mount point.
    package let mountPoint: String
    package let isUnified: Bool
    /// The v1 controllers, or the name in `name=…`; empty for the unified hierarchy.
    package let controllers: [String]

    package func directory(_ path: String) -> String { mountPoint + path }

    package func has(_ controller: String) -> Bool { controllers.contains(controller) }
}

package enum Cgroups {
    /// Every hierarchy in this mount namespace, each one once.
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

    /// Creates it in each hierarchy, unless it has to exist, and moves the caller there. Skips v1's
    /// cpuset, because a new cpuset cgroup has no processors, and no process of ours needs one.
    package func join(creating: Bool = true) throws(SystemCallFailure) {
        // The caller has one thread, so changing the umask is safe.
        let mask = OwnProcess.setMask(0o022)
        defer { _ = OwnProcess.setMask(mask) }
        for hierarchy in hierarchies where !hierarchy.has("cpuset") {
            let directory = hierarchy.directory(path)
            if creating { try Files.makeDirectories(directory, mode: 0o755, isMasked: true) }
            try Files.writeControlFile(directory + "/cgroup.procs", "0")
        }
    }

    /// Its directories, in the hierarchies in which it exists.
    package func directories() throws(SystemCallFailure) -> [String] {
        var found: [String] = []
        for hierarchy in hierarchies where try Files.exists(hierarchy.directory(path)) {
            found.append(hierarchy.directory(path))
        }
        return found
    }

    /// The processes in it and below it, in any hierarchy. Zombies do not count: they hold nothing.
    /// Throws if it cannot be seen whether a process lives.
    package func processes() throws(SystemCallFailure) -> Set<Int32> {
        var pids: Set<Int32> = []
        for hierarchy in hierarchies {
            let directory = hierarchy.directory(path)
            try CgroupTree.walk(directory) { (cgroup) throws(SystemCallFailure) in
                pids.formUnion(try CgroupTree.processes(in: cgroup, directory))
            }
        }
        var living: Set<Int32> = []
        for pid in pids where try !ProcFS.hasEnded(pid) { living.insert(pid) }
        return living
    }

    /// Kills all processes in it: thaws from the leaves up, writes `cgroup.kill` if it exists, and
    /// sends SIGKILL to each process seen. A process forked meanwhile may survive: call again until
    /// `processes()` is empty (law 9).
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

    /// Never signals a bare pid: pins the process first, and then checks that it is still a member.
    /// Pins a few at a time, because each costs a descriptor.
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
        let (file, text) = Cgroup.freezer(hierarchy, isFrozen: false)
        try CgroupTree.walk(directory) { cgroup in
            ignoring("gone meanwhile, or a kernel without a freezer") {
                () throws(SystemCallFailure) in
                try CgroupTree.writeControlFile(file, text, in: cgroup)
            }
        }
    }

    /// The file that freezes or thaws a cgroup of the hierarchy, and the text to write.
    private static func freezer(
        _ hierarchy: CgroupHierarchy, isFrozen: Bool
    ) -> (file: String, text: String) {
        hierarchy.isUnified
            ? ("cgroup.freeze", isFrozen ? "1" : "0")
            : ("freezer.state", isFrozen ? "FROZEN" : "THAWED")
    }

    /// Freezes or thaws all processes in it and below it, with v1's freezer if that is mounted and
    /// else with v2's. Call it again until it returns `nil`: until then a process is not frozen
    /// yet, and the result says so. Throws if the kernel has no freezer.
    package func freeze(_ isFrozen: Bool) throws(SystemCallFailure) -> String? {
        let ofV1 = hierarchies.first { $0.has("freezer") }
        guard let hierarchy = ofV1 ?? hierarchies.first(where: \.isUnified) else {
            throw SystemCallFailure(call: "freeze", subject: path, errno: EOPNOTSUPP)
        }
        let directory = hierarchy.directory(path)
        guard try Files.exists(directory) else { return nil }
        let (file, text) = Cgroup.freezer(hierarchy, isFrozen: isFrozen)
        try Files.writeControlFile("\(directory)/\(file)", text)
        if !hierarchy.isUnified {
            let state = try Files.text("\(directory)/\(file)").fields("\n").first ?? ""
            return state.isSame(as: text) ? nil : "the freezer's state is \(state)"
        }
        let wanted = isFrozen ? "frozen 1" : "frozen 0"
        let lines = try Files.text(directory + "/cgroup.events").fields("\n")
        return lines.contains { $0.isSame(as: wanted) } ? nil : "a process is not \(wanted)"
    }

    /// Removes it and the cgroups below it in each hierarchy. EBUSY: it still has processes.
    /// `children` are likely names of child cgroups: removing them first avoids reading the
    /// directories.
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

    /// Whether the kernel's out-of-memory killer killed in it (v1's memory.oom_control, v2's
    /// memory.events); `false` if neither can be read.
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
