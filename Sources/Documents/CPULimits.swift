//  CPU limits that the kernel refuses because of each other.
//
//  cgroup v1 refuses a quota above that of an ancestor, or below that of a descendant, with EINVAL
//  (kernel/sched/core.c, tg_cfs_schedulable_down). cgroup v2 accepts both, and the smaller quota
//  counts. Both versions accept any value for memory and pids. So these checks run only on hosts
//  with cgroup v1, before anything is recorded.

import JSON
package import Model

extension PodSpec {
    /// A fault if a task has more CPUs than the pod's new limit.
    package var limitBelowTasks: DocumentFault? {
        guard let own = resources.milliCPUs,
            let largest = tasks.max(by: { $0.cpus < $1.cpus }), own < largest.cpus
        else { return nil }
        return DocumentFault(
            pointer: .root.appending("resources").appending("cpus"),
            detail: "must be at least \(inCPUs(largest.cpus)), because the task '\(largest.name)' "
                + "has as many and this host has cgroup v1; and is \(inCPUs(own))")
    }
}

extension TaskSpec {
    /// A fault if the task has more CPUs than the pod. `place` is the task in the document.
    func limitFaults(in pod: PodSpec, at place: JSONPointer) -> [DocumentFault] {
        guard let own = resources.limitInMilliCPUs, let limit = pod.resources.milliCPUs,
            own > limit
        else { return [] }
        let why = "because its pod has as many and this host has cgroup v1"
        let (name, detail) =
            resources.milliCPUs == nil
            ? ("cpuQuota", "must give at most \(inCPUs(limit)) CPUs, \(why); and gives")
            : ("cpus", "must be at most \(inCPUs(limit)), \(why); and is")
        return [
            DocumentFault(
                pointer: place.appending("resources").appending(name),
                detail: "\(detail) \(inCPUs(own))")
        ]
    }

    fileprivate var cpus: Int64 { resources.limitInMilliCPUs ?? 0 }
}

/// Formats 1500 as 1.5.
private func inCPUs(_ milliCPUs: Int64) -> String { shortest(Double(milliCPUs) / 1000) }
