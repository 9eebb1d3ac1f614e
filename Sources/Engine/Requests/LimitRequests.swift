// CPU limits that this host's kernel would refuse, told with their place in the request's document
// and not as an EINVAL of the runtime's.

import Documents
import JSON
import Model

extension Engine {
    /// A new pod's are wrong by themselves, and are seen when it is decoded; a new task's are not.
    func checkLimits(
        of task: TaskSpec, in pod: Pod, _ context: RequestContext
    ) throws(Problem) {
        let faults = info.nestsCPULimits ? task.faults(in: pod.spec, at: .root) : []
        guard !faults.isEmpty else { return }
        throw Problem(DocumentFaults(faults: faults), instance: context.instance)
    }

    /// After a patch. The cgroups of tasks that have ended count: they go with the delete.
    func checkLimits(
        of pod: Pod, _ before: PodSpec, _ context: RequestContext
    ) throws(Problem) {
        guard info.nestsCPULimits, pod.spec.resources.milliCPUs != before.resources.milliCPUs
        else { return }
        var spec = pod.spec
        spec.tasks = pod.tasks.map(\.spec)
        guard let fault = spec.limitBelowTasks else { return }
        throw Problem(DocumentFaults(faults: [fault]), instance: context.instance)
    }
}

extension Failure {
    /// What the kernel said to a pod's limits, with its meaning if that is known.
    init(refusedLimits reason: String) {
        let isQuota = reason.contains("cpu.cfs_quota_us") && reason.contains("EINVAL")
        let meaning =
            isQuota
            ? "; this host has cgroup v1, where a pod cannot have more CPUs than a cgroup above "
                + "it, such as the daemon's --cgroup-parent" : ""
        self.init(.runtimeRefused, reason + meaning, step: .create(.resourcesUpdate))
    }
}
