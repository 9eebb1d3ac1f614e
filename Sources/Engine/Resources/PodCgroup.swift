// The pod's cgroup in every hierarchy, with all that is below it.

import Linux
import Model
import Teardown

struct PodCgroup: PodResource {
    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        try removal.removeCgroup(
            removal.layout.cgroup(removal.uid), children: ["pod", "shim"])
    }
}
