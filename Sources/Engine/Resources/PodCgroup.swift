// The pod's cgroup in every hierarchy, with all cgroups below it, and the cgroup of its tasks below
// a parent that the client named. The parent itself is not ours.

import EventLoop
import Host
import Kernel
import Model
import Teardown

struct PodCgroup: PodResource {
    func observe(_ look: Look) async -> [Observation] {
        [look.observed(.cgroups, look.host.cgroups)]
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        let outside = try removal.engine.outsideCgroups(of: removal.uid)
        let outcome = try removal.removeCgroups(outside)
        if case .blocked = outcome { return outcome }
        return try removal.removeCgroup(
            removal.layout.cgroup(removal.uid), children: ["pod", "shim"])
    }
}

extension Engine {
    /// The pod's cgroup below a parent of the client's, if it has one. Without a record of the
    /// parent it is found by its name.
    @Loop func outsideCgroups(of pod: UID) throws(SystemCallFailure) -> [String] {
        guard let record = registry.wholePod(pod) else {
            return try host.outsideCgroups(of: pod)
        }
        return record.spec.cgroupParent.map { [layout.workload(pod, below: $0)] } ?? []
    }

    /// The cgroups in which the pod's tasks have their cgroups. If some hierarchies lack the
    /// client's parent, a task has two.
    @Loop func workloads(of pod: UID) -> [String] {
        var outside: [String] = []
        ignoring("each step looks again") { () throws(SystemCallFailure) in
            outside = try outsideCgroups(of: pod)
        }
        return outside + [layout.workload(pod)]
    }
}
