// Where a log writer stands: beside its task, below the pod, with the task's limit of CPU.
//
// What a task writes costs CPU, memory and disk once more when it is logged. That is charged to the
// pod, and throttled as the task is.

import Bytes
import Linux

struct LogCgroup {
    private let paths: TaskPaths
    private let hierarchies: [CgroupHierarchy]

    init(_ paths: TaskPaths, _ hierarchies: [CgroupHierarchy]) {
        self.paths = paths
        // Each costs a wait for RCU; the others limit nothing that a writer uses.
        self.hierarchies = hierarchies.filter { hierarchy in
            ["cpu", "cpuacct", "memory", "blkio"].contains { hierarchy.has($0) }
                || hierarchy.isUnified && hierarchies.count == 1
        }
    }

    /// For the helper itself. Where it cannot stand there it stays in the shim's cgroup, because a
    /// log that is not limited is better than none.
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
        let names =
            hierarchy.isUnified
            ? ["cpu.max"] : hierarchy.has("cpu") ? ["cpu.cfs_period_us", "cpu.cfs_quota_us"] : []
        for name in names where try Files.exists("\(task)/\(name)") {
            let limit = try Files.text("\(task)/\(name)", limit: 64)
            try Files.writeControlFile("\(hierarchy.directory(paths.logCgroup))/\(name)", limit)
        }
    }
}
