// The interface of a pod on a network of ours: the pair of interfaces, the host ports, and the
// connections that the kernel tracks for its addresses.
//
// The pod's shim makes them, and the host removes them by names that follow from the uid, whether
// the shim lives or not. Before, the shim lets go of the host ports, and none of its helpers works.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct Interface: PodPart, PodResource {
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
        guard let pod = removal.engine.registry.wholePod(removal.uid) else {
            // Nothing tells which kind of network the pod is on.
            let outcome = try await Attachments.remove(removal)
            switch outcome {
            case .blocked, .abandoned: return outcome
            case .removed, .alreadyGone: return try await detach(nil, removal)
            }
        }
        if !pod.attachments.isEmpty { return try await Attachments.remove(removal) }
        return pod.interfaces.isEmpty ? .alreadyGone : try await detach(pod, removal)
    }

    private func detach(
        _ recorded: Pod?, _ removal: PodRemoval
    ) async throws(SystemCallFailure) -> StepOutcome {
        for interface in recorded?.interfaces ?? [] {
            await removal.engine.networkControllers
                .controller(of: interface.networkUID, removal.engine).letGo(of: removal.uid)
        }
        let shim = try removal.shim()
        // The shim of an orphan may be of a version without networks, so it is not asked.
        if let shim, recorded != nil {
            let outcome = StepOutcome(await shim.ask(.removePart(name: name)))
            if case .blocked = outcome { return outcome }
        } else if shim == nil {
            // A helper of the dead shim may still be at work.
            let outcome = try removal.kill(in: removal.layout.cgroup(removal.uid) + "/shim")
            guard outcome == .alreadyGone else { return outcome }
        }
        return StepOutcome(try await removal.host.detach(removal.uid, recorded))
    }
}
