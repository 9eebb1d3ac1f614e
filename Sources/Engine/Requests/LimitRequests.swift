// Refuses CPU limits that this host's kernel would refuse. The answer names their place in the
// request's document, instead of an EINVAL of the runtime.

import Documents
import Host
import JSON
import Model

extension Engine {
    /// Checks a new task against its pod. The tasks of a new pod are checked when its document is
    /// decoded.
    func check(_ task: TaskSpec, in pod: Pod) throws(Refusal) {
        let faults =
            task.faults(in: pod.spec, at: .root, nestsCPULimits: info.nestsCPULimits)
            + task.orderFaults(in: pod)
        guard !faults.isEmpty else { return }
        throw .documentFaults(DocumentFaults(faults: faults))
    }

    /// Checks the limits of a pod after a patch. The cgroups of ended tasks count, because they
    /// exist until the delete.
    func checkLimits(of pod: Pod, _ before: PodSpec) throws(Refusal) {
        guard info.nestsCPULimits, pod.spec.resources.milliCPUs != before.resources.milliCPUs
        else { return }
        var spec = pod.spec
        spec.tasks = pod.tasks.map(\.spec)
        guard let fault = spec.limitBelowTasks else { return }
        throw .documentFaults(DocumentFaults(faults: [fault]))
    }
}

extension Failure {
    /// Makes a failure of the kernel's refusal of a pod's limits, with its meaning if that is
    /// known.
    init(refusedLimits reason: String) {
        let isQuota = reason.contains("cpu.cfs_quota_us") && reason.contains("EINVAL")
        let meaning =
            isQuota
            ? "; this host has cgroup v1, where a cgroup cannot have more CPUs than a cgroup above "
                + "it, such as the daemon's --cgroup-parent" : ""
        self.init(.runtimeRefused, reason + meaning, step: .create(.resourcesUpdate))
    }
}
