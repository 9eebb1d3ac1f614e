// The cgroups of a task: the runtime's, and our own in the hierarchies without the client's parent.
//
// A client can name a cgroup of the host as the parent of its pod's tasks. It may exist in some of
// the hierarchies only. The runtime would make it in the others, where no program removes it. So
// the runtime does not see them, and a task is there in a cgroup of ours.

import Kernel
import Linux
import ShimProtocol

struct TaskCgroup {
    private let all: [Cgroup]

    init(_ paths: TaskPaths, _ hierarchies: [CgroupHierarchy]) {
        let hasParent = !paths.cgroup.utf8.elementsEqual(paths.ownCgroup.utf8)
        all = (hasParent ? [paths.cgroup, paths.ownCgroup] : [paths.cgroup]).map {
            Cgroup(path: $0, hierarchies: hierarchies)
        }
    }

    func directories() throws(SystemCallFailure) -> [String] {
        var found: [String] = []
        for cgroup in all { found += try cgroup.directories() }
        return found
    }

    func processes() throws(SystemCallFailure) -> Set<Int32> {
        var found: Set<Int32> = []
        for cgroup in all { found.formUnion(try cgroup.processes()) }
        return found
    }

    func kill() throws(SystemCallFailure) { for cgroup in all { try cgroup.kill() } }

    /// Begins to freeze or to thaw. Returns the reason that it is not done yet; `nil` if it is.
    func freeze(_ isFrozen: Bool) throws(SystemCallFailure) -> String? {
        for cgroup in all {
            if let reason = try cgroup.freeze(isFrozen) { return reason }
        }
        return nil
    }

    func remove() throws(SystemCallFailure) { for cgroup in all { try cgroup.remove() } }

    func sawOutOfMemory() -> Bool { all.contains { $0.sawOutOfMemory() } }
}

/// The hierarchies that the runtime must not see. One kind has no parent of the client's, and the
/// task is in our own cgroup there. The other kind is the unified hierarchy of a hybrid host, if
/// the runtime refuses it.
struct HiddenHierarchies {
    private let own: Cgroup
    private let refused: Cgroup

    /// Makes the pod's directory below the client's parent in each hierarchy that has the parent,
    /// which then cannot be removed as an empty one. Throws if no hierarchy has it.
    init(
        _ slot: TaskSlot, _ settings: ShimSettings, _ hierarchies: [CgroupHierarchy],
        refusesHybrid: Bool
    ) throws(SystemCallFailure) {
        var own: [CgroupHierarchy] = []
        if let workload = settings.workload {
            for hierarchy in hierarchies {
                do throws(SystemCallFailure) {
                    try Files.makeDirectory(
                        hierarchy.directory(workload), mode: 0o755, isMasked: false)
                } catch {
                    guard error.errno == 2 else { throw error }  // ENOENT: no parent
                    own.append(hierarchy)
                }
            }
            if own.count == hierarchies.count {
                throw SystemCallFailure(call: "mkdir", subject: workload, errno: 2)
            }
        }
        let refused = hierarchies.filter { hierarchy in
            refusesHybrid && hierarchy.isUnified && hierarchies.count > 1
                && !own.contains(hierarchy)
        }
        self.own = Cgroup(path: slot.paths.ownCgroup, hierarchies: own)
        self.refused = Cgroup(path: slot.paths.cgroup, hierarchies: refused)
    }

    var isEmpty: Bool { own.hierarchies.isEmpty && refused.hierarchies.isEmpty }

    /// Called in the child that is to become the runtime: moves it to the task's cgroup there.
    func join() throws(SystemCallFailure) {
        try own.join()
        try refused.join()
    }

    /// Called in the child, in its own mount namespace, after it has entered the host's.
    func hide() {
        for hierarchy in own.hierarchies + refused.hierarchies {
            Mounts.detach(hierarchy.mountPoint)
        }
    }
}
