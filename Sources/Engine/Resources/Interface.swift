// The interface of a pod on a network of ours: the pair of interfaces, the host ports, and the
// connections that the kernel tracks for its addresses.
//
// The pod's shim makes them, and the host removes them by names that follow from the uid, whether
// the shim lives or not.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct Interface: PodPart {
    let name = WireInterface.part

    func prepare(_ pod: Pod, _ engine: Engine) async throws(Failure) {
        for interface in pod.interfaces {
            try await engine.networkControllers.controller(of: interface.networkUID, engine)
                .ensure()
        }
    }

    func document(for pod: Pod, _ engine: Engine) -> [UInt8] {
        let network = pod.interfaces.first.flatMap { engine.registry.network($0.networkUID) }
        return engine.layout.interface(of: pod, mtu: network?.spec.mtu ?? 0)?.document() ?? []
    }

    func observe(_ look: Look) async -> [Observation] {
        await look.host.networkObjects(look.records)
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        let pod = removal.controller.engine.registry.pod(removal.uid)
        if let pod, pod.interfaces.isEmpty, !pod.isSpecLost { return .alreadyGone }
        return StepOutcome(try await removal.host.detach(removal.uid, pod?.interfaces.first))
    }
}
