//  CPU limits that the kernel refuses because of each other.
//
//  cgroup v1 takes no quota above that of a cgroup over it, and lowers none below that of a cgroup
//  in it: EINVAL (kernel/sched/core.c, tg_cfs_schedulable_down). cgroup v2 takes both, and the
//  smaller one counts. Of memory and of pids both versions take any value. So this is asked on
//  hosts with cgroup v1 alone, before anything is recorded.

package import JSON
package import Model

extension PodSpec {
    /// Tasks of a new pod with more CPUs than the pod.
    var tasksOverLimit: [DocumentFault] {
        tasks.flatMap { task in
            task.faults(in: self, at: .root.appending("tasks").appending(task.name.text))
        }
    }

    /// A task with more CPUs than the pod is to have from now on.
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
    /// More CPUs than the pod has. `place` is the task in the document.
    package func faults(in pod: PodSpec, at place: JSONPointer) -> [DocumentFault] {
        guard let own = resources.milliCPUs, let limit = pod.resources.milliCPUs, own > limit
        else { return [] }
        return [
            DocumentFault(
                pointer: place.appending("resources").appending("cpus"),
                detail: "must be at most \(inCPUs(limit)), because its pod has as many and this "
                    + "host has cgroup v1; and is \(inCPUs(own))")
        ]
    }

    fileprivate var cpus: Int64 { resources.milliCPUs ?? 0 }
}

/// 1500 as 1.5.
private func inCPUs(_ milliCPUs: Int64) -> String { shortest(Double(milliCPUs) / 1000) }
