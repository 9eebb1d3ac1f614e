// The runtime's container: its state directory, and the task's cgroup in every hierarchy.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct RuntimeContainer: TaskResource {
    /// The container's objects are in the pod's folder and in the pod's cgroups.
    func observe(_ look: Look) async -> [Observation] { [] }

    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
    {
        guard let shim = try removal.shim() else {
            // The state directory is in the pod's folder of the run directory, and is removed with
            // it.
            return try removal.removeCgroups(try removal.cgroups(of: task))
        }
        return StepOutcome(await shim.ask(.delete(task: task.text)))
    }
}
