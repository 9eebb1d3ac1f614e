// What the kernel counts for a pod and its tasks.

package import Kernel

/// One reading of a pod. The limits and the states are those of the record at that moment.
package struct PodStatistics: Equatable, Sendable {
    /// The record of that moment.
    package let pod: Pod
    /// When it was read.
    package let readAt: Timestamp
    /// Of all tasks together, also of ended ones, and of the log writers.
    package let total: CgroupStatistics
    /// In the order of the pod's tasks. A task that does not run counts nothing.
    package let tasks: [CgroupStatistics]
    /// In the order of the pod's interfaces, and without loopback.
    package let interfaces: [InterfaceStatistics]

    package init(
        pod: Pod, readAt: Timestamp, total: CgroupStatistics, tasks: [CgroupStatistics],
        interfaces: [InterfaceStatistics]
    ) {
        self.pod = pod
        self.readAt = readAt
        self.total = total
        self.tasks = tasks
        self.interfaces = interfaces
    }
}

/// What the record limits for a cgroup; `nil` for no limit.
package struct StatisticsLimits: Equatable, Sendable {
    /// In thousandths of a CPU.
    package let milliCPUs: Int64?
    /// In bytes.
    package let memory: Int64?
    /// Processes and threads.
    package let pids: Int64?

    package init(_ resources: Resources) {
        (milliCPUs, memory, pids) = (resources.milliCPUs, resources.memory, resources.pids)
    }

    package init(_ resources: TaskResources) {
        (milliCPUs, memory, pids) = (
            resources.limitInMilliCPUs, resources.memory, resources.pids
        )
    }
}
