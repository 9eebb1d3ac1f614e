// The limits of a task, of which a pod has only some.

/// Limits of a task; `nil` if we set no limit.
package struct TaskResources: Equatable, Sendable {
    /// In bytes.
    package var memory: Int64?
    /// Memory and swap together, in bytes, at least ``memory``; -1 for as much swap as there is.
    /// Without it the task has no swap beside its memory.
    package var memorySwap: Int64?
    /// In thousandths of a CPU.
    package var milliCPUs: Int64?
    /// The weight against others of the same pod: 2 to 262144, and 1024 without it.
    package var cpuShares: Int64?
    /// Microseconds of CPU time in each period; -1 for no limit.
    package var cpuQuota: Int64?
    /// The period in microseconds; 100,000 without it.
    package var cpuPeriod: Int64?
    /// The CPUs and memory nodes that the task may use.
    package var cpuset = CPUSet()
    /// The number of processes and threads.
    package var pids: Int64?
    /// In bytes, by page size as the kernel writes it: `2MB`.
    package var hugepages: [String: Int64] = [:]
    /// Values of other files of the task's cgroup v2, by name.
    package var unified: [String: String] = [:]
    /// How much sooner the OOM killer chooses the first process: -1000 to 1000 (proc(5)).
    package var oomScoreAdj: Int64?

    package init(memory: Int64? = nil, milliCPUs: Int64? = nil, pids: Int64? = nil) {
        self.memory = memory
        self.milliCPUs = milliCPUs
        self.pids = pids
    }

    /// Microseconds, without ``cpuPeriod``.
    package static let defaultPeriod: Int64 = 100_000

    /// Thousandths of a CPU, rounded up, whichever member limits them; `nil` for no limit.
    package var limitInMilliCPUs: Int64? {
        if let milliCPUs { return milliCPUs }
        guard let cpuQuota, cpuQuota > 0 else { return nil }
        let period = cpuPeriod ?? TaskResources.defaultPeriod
        return (cpuQuota * 1000 + period - 1) / period
    }
}

/// CPUs and memory nodes, each in the list format of cpuset(7); `nil` for all of the pod's.
package struct CPUSet: Equatable, Sendable {
    /// Such as `0-3,6`.
    package var cpus: String?
    /// Such as `0`.
    package var mems: String?

    package init(cpus: String? = nil, mems: String? = nil) {
        self.cpus = cpus
        self.mems = mems
    }
}
