// The overlay that is a task's root file system: a mount in the shim's namespace, and a superblock.

import Linux
import Model
import ShimProtocol
import Teardown

struct RootfsMount: TaskResource {
    /// In the shim's namespace it has no name on the host, so what is seen here is wrong.
    func observe(_ look: Look) async -> [Observation] {
        [look.observed(.mounts, look.host.mounts)]
    }

    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
    {
        if let shim = try removal.shim() {
            return StepOutcome(await shim.ask(.unmount(task: task.text)))
        }
        // The mount namespace is gone with the shim and the last process of the pod's tasks, and
        // the mount with the namespace. Helpers of the daemon have none of the pod's mounts.
        let layout = removal.layout
        for cgroup in [layout.workload(removal.uid), layout.cgroup(removal.uid) + "/shim"] {
            let outcome = try removal.kill(in: cgroup)
            guard outcome == .alreadyGone else { return outcome }
        }
        // Without a mount the superblock lives on if another pod holds a descriptor of it.
        let holder = try await removal.host.rootfsHolder(removal.uid, task)
        return holder.map(StepOutcome.blocked) ?? .alreadyGone
    }
}
