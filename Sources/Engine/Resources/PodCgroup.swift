// The pod's cgroup in every hierarchy, with all cgroups below it.

import Host
import Kernel
import Model
import Teardown

struct PodCgroup: PodResource {
    func observe(_ look: Look) async -> [Observation] {
        [look.observed(.cgroups, look.host.cgroups)]
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        try removal.removeCgroup(
            removal.layout.cgroup(removal.uid), children: ["pod", "shim"])
    }
}
