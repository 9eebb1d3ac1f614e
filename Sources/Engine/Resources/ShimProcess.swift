// The shim: the process that is the pod's sandbox, its namespaces and its mounts.

import Linux
import Model
import ShimProtocol
import Teardown

struct ShimProcess: PodResource {
    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        guard let shim = try removal.shim() else {
            let outcome = try removal.kill(in: removal.layout.cgroup(removal.uid) + "/shim")
            guard outcome == .alreadyGone else { return outcome }
            // The mount of /dev/shm is gone with the shim; its superblock lives on if another pod
            // holds a file of it.
            let holder = try await removal.host.sharedMemoryHolder(removal.uid)
            return holder.map(StepOutcome.blocked) ?? .alreadyGone
        }
        if let answer = await shim.ask(.exit) {
            return answer == .done ? .blocked(Blocker("the shim stays")) : StepOutcome(answer)
        }
        guard try await removal.controller.hasEnded(shim) else {
            return .blocked(Blocker("the shim has hung up and holds its lock"))
        }
        removal.controller.link = nil
        // The next step meets whatever is left in the shim's cgroup.
        return .removed
    }
}
