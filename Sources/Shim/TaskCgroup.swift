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

    func remove() throws(SystemCallFailure) { for cgroup in all { try cgroup.remove() } }

    func sawOutOfMemory() -> Bool { all.contains { $0.sawOutOfMemory() } }
}

/// The hierarchies that the runtime must not see: those without the client's parent, and on a hybrid
/// host the unified one, if the runtime refuses it. The task is in our own cgroup there.
struct HiddenHierarchies {
    private let cgroup: Cgroup

    /// Makes the pod's directory below the client's parent in each hierarchy that has the parent,
    /// which then cannot be removed as an empty one. Throws if no hierarchy has it.
    init(
        _ slot: TaskSlot, _ settings: ShimSettings, _ hierarchies: [CgroupHierarchy],
        refusesHybrid: Bool
    ) throws(SystemCallFailure) {
        let isRefused = { (hierarchy: CgroupHierarchy) in
            refusesHybrid && hierarchy.isUnified && hierarchies.count > 1
        }
        var hidden: [CgroupHierarchy] = []
        if let workload = settings.workload {
            let seen = hierarchies.filter { !isRefused($0) }
            for hierarchy in seen {
                do throws(SystemCallFailure) {
                    try Files.makeDirectory(
                        hierarchy.directory(workload), mode: 0o755, isMasked: false)
                } catch {
                    guard error.errno == 2 else { throw error }  // ENOENT: no parent
                    hidden.append(hierarchy)
                }
            }
            if hidden.count == seen.count {
                throw SystemCallFailure(call: "mkdir", subject: workload, errno: 2)
            }
        }
        hidden += hierarchies.filter(isRefused)
        cgroup = Cgroup(path: slot.paths.ownCgroup, hierarchies: hidden)
    }

    /// Called in the child that is to become the runtime: moves it to our own cgroup there.
    func join() throws(SystemCallFailure) { try cgroup.join() }

    /// Called in the child, in its own mount namespace, after it has entered the host's.
    func hide() { for hierarchy in cgroup.hierarchies { Mounts.detach(hierarchy.mountPoint) } }
}
