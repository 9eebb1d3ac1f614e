// The overlay of a task's root file system: a mount in the shim's namespace, and a superblock.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct RootfsMount: TaskResource {
    /// A mount in the shim's namespace has no name on the host, so every mount seen here is an
    /// error.
    func observe(_ look: Look) async -> [Observation] {
        [look.observed(.mounts, look.host.mounts)]
    }

    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
    {
        if let shim = try removal.shim() {
            return StepOutcome(await shim.ask(.unmount(task: task.text)))
        }
        // The mount namespace is gone when the shim and the last process of the pod's tasks are
        // gone, and the mount with it. Helpers of the daemon have none of the pod's mounts.
        let shimCgroup = removal.layout.cgroup(removal.uid) + "/shim"
        let outcome = try removal.kill(in: removal.workloads() + [shimCgroup])
        guard outcome == .alreadyGone else { return outcome }
        // Without a mount the superblock still lives if another pod holds a descriptor of it.
        let holder = try await removal.host.rootfsHolder(removal.uid, task)
        return holder.map(StepOutcome.blocked) ?? .alreadyGone
    }
}
