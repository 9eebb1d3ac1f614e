// CPU limits that this host's kernel would refuse, told with their place in the request's document
// and not as an EINVAL of the runtime's.

package import Documents
import JSON
package import Model

extension Engine {
    /// A new pod's, which are wrong by themselves.
    package func checkLimits(of spec: PodSpec) throws(DocumentFaults) {
        guard info.nestsCPULimits else { return }
        let faults = spec.tasksOverLimit
        if !faults.isEmpty { throw DocumentFaults(faults: faults) }
    }

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
