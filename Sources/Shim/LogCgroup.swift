// The cgroup of a log writer: beside its task's own cgroup, below the pod's, with the task's CPU
// limit.
//
// Logging a task's output costs CPU, memory and disk a second time. The kernel charges that to the
// pod, and throttles it like the task.

import Bytes
import Kernel
import Linux

struct LogCgroup {
    private let paths: TaskPaths
    private let hierarchies: [CgroupHierarchy]

    init(_ paths: TaskPaths, _ hierarchies: [CgroupHierarchy]) {
        self.paths = paths
        // Each one costs a wait for RCU; the other controllers limit nothing that a writer uses.
        self.hierarchies = hierarchies.filter { hierarchy in
            ["cpu", "cpuacct", "memory", "blkio"].contains { hierarchy.has($0) }
                || hierarchy.isUnified && hierarchies.count == 1
        }
    }

    /// Called in the helper itself. If the helper cannot join, it stays in the shim's cgroup,
    /// because an unlimited log is better than none.
    func enter() {
        for hierarchy in hierarchies {
            ignoring("the log is written all the same") { () throws(SystemCallFailure) in
                try Cgroup(path: paths.logCgroup, hierarchies: [hierarchy]).join()
                try copyLimit(in: hierarchy)
            }
        }
    }

    private func copyLimit(in hierarchy: CgroupHierarchy) throws(SystemCallFailure) {
        let task = hierarchy.directory(paths.cgroup)
        if hierarchy.isUnified { delegateCPU(in: hierarchy) }
        let names =
            hierarchy.isUnified
            ? ["cpu.max"] : hierarchy.has("cpu") ? ["cpu.cfs_period_us", "cpu.cfs_quota_us"] : []
        for name in names where try Files.exists("\(task)/\(name)") {
            let limit = try Files.text("\(task)/\(name)", limit: 64)
            try Files.writeControlFile("\(hierarchy.directory(paths.logCgroup))/\(name)", limit)
        }
    }

    /// v2: a cgroup has a controller only if each ancestor passes it down. The runtime has seen to
    /// that, but not if the task is below a parent of the client's.
    private func delegateCPU(in hierarchy: CgroupHierarchy) {
        guard !paths.cgroup.utf8.elementsEqual(paths.ownCgroup.utf8) else { return }
        var ancestor = hierarchy.mountPoint
        for name in paths.logCgroup.utf8.split(separator: UInt8(ascii: "/")) {
            ignoring("without the controller the writer has no limit") {
                () throws(SystemCallFailure) in
                try Files.writeControlFile(ancestor + "/cgroup.subtree_control", "+cpu")
            }
            ancestor += "/" + String(decoding: Array(name), as: UTF8.self)
        }
    }
}
