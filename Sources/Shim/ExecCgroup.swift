// The cgroup of an exec, below its task's: with it, the exec's processes are ended, and no others.
//
// Only the runtime can put its process there, because it moves the process to the task's cgroups.
// In v1 runc does that in one hierarchy, the freezer; the unified hierarchy of a hybrid host has no
// name for it. crun's option is for all hierarchies, and crun then passes over those without such a
// cgroup. So its exec is in the unified hierarchy, which crun does not see. Without that hierarchy
// the exec has no cgroup.
//
// The processes of an exec that ends by itself, such as a server that it has started, stay in the
// task.

import Kernel
import Linux
import ShimProtocol

struct ExecCgroup {
    private let name: String
    private let hierarchy: CgroupHierarchy?
    private let parent: String
    /// Whether the shim puts the runtime there, and not the runtime its process.
    private let isJoined: Bool
    /// `refusesHybrid`: whether the runtime does not see the unified hierarchy beside v1's.
    init(
        _ id: String, _ paths: TaskPaths, _ hierarchies: [CgroupHierarchy], refusesHybrid: Bool
    ) {
        name = "exec-\(id)"
        let unified = hierarchies.first(where: \.isUnified)
        isJoined = refusesHybrid && (unified == nil || hierarchies.count > 1)
        hierarchy = isJoined ? unified : hierarchies.first { $0.has("freezer") } ?? unified
        var parent = paths.cgroup
        if let hierarchy {
            ignoring("it is then seen to be missing") { () throws(SystemCallFailure) in
                if try !Files.exists(hierarchy.directory(paths.cgroup)) { parent = paths.ownCgroup }
            }
        }
        self.parent = parent
    }

    private var cgroup: Cgroup? {
        hierarchy.map { Cgroup(path: "\(parent)/\(name)", hierarchies: [$0]) }
    }

    /// Whether processes of the exec can be ended with it.
    var isKnown: Bool { hierarchy != nil }

    /// Makes it. The task's own cgroup is never made: without it the task has ended.
    func make() throws(SystemCallFailure) {
        guard let hierarchy else { return }
        try Files.makeDirectory(hierarchy.directory("\(parent)/\(name)"), mode: 0o755)
    }

    /// For the runtime's command line; `nil` if there is none.
    var word: String? {
        guard let hierarchy, !isJoined else { return nil }
        return hierarchy.isUnified ? name : "freezer:\(name)"
    }

    /// Called in the child that is to become the runtime.
    func join() throws(SystemCallFailure) {
        guard let hierarchy, isJoined else { return }
        try Files.writeControlFile(
            hierarchy.directory("\(parent)/\(name)") + "/cgroup.procs", "0")
    }

    /// The cgroups that a process of the exec joins if no runtime moves it there: this one, and the
    /// task's in all other hierarchies.
    func directories(
        _ paths: TaskPaths, _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> [String] {
        let isOwn = paths.cgroup.utf8.elementsEqual(paths.ownCgroup.utf8)
        var found: [String] = []
        for hierarchy in hierarchies where hierarchy != self.hierarchy {
            var directory = hierarchy.directory(paths.cgroup)
            if !isOwn, try !Files.exists(directory) {
                directory = hierarchy.directory(paths.ownCgroup)
            }
            found.append(directory)
        }
        return (hierarchy.map { [$0.directory("\(parent)/\(name)")] } ?? []) + found
    }

    /// Kills the processes in it, and removes it. Returns `false` if one is left.
    func killAndRemove() -> Bool {
        guard let cgroup else { return true }
        do throws(SystemCallFailure) {
            try cgroup.kill()
            try cgroup.remove()
            return true
        } catch { return error.errno != 16 }  // EBUSY
    }

    func kill() {
        ignoring("it is killed again") { () throws(SystemCallFailure) in try cgroup?.kill() }
    }

    /// Leaves the processes in it to the task, and removes it.
    func dissolve() {
        guard let hierarchy, let cgroup else { return }
        for _ in 0..<16 {
            do throws(SystemCallFailure) { return try cgroup.remove() } catch {
                guard error.errno == 16 else { return }  // EBUSY: processes are in it
            }
            ignoring("a process has ended, or another one was forked: the next turn sees it") {
                () throws(SystemCallFailure) in
                for pid in try cgroup.processes() {
                    try Files.writeControlFile(
                        hierarchy.directory(parent) + "/cgroup.procs", "\(pid)")
                }
            }
        }
    }
}
