// The volumes of a pod. They exist as long as the pod, and all its tasks can mount them.
//
// A helper makes and removes the files of those on the disk, because the disk may hold it. Those in
// memory are mounts in the shim's namespace, and superblocks.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct PodVolumes: PodPart, PodResource {
    let name = VolumeSpec.part

    func prepare(_ pod: Pod, _ engine: Engine) {}

    func document(for pod: Pod, _ engine: Engine) -> [UInt8] {
        let folders = engine.layout.folders(pod.uid)
        return WireVolume.document(
            pod.spec.volumes.map { volume in
                WireVolume(
                    name: volume.name.text, path: volume.path(in: folders),
                    medium: WireVolume.Medium(volume.medium))
            })
    }

    /// The look at the disks sees them (`DiskFiles`). Those in memory have no name on the host.
    func observe(_ look: Look) async -> [Observation] { [] }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        let recorded = removal.controller.engine.registry.pod(removal.uid)?.spec.volumes
        if recorded?.isEmpty ?? false { return .alreadyGone }
        let shim = try removal.shim()
        // The shim of an orphan may be of a version without volumes, so it is not asked.
        if recorded != nil, let shim {
            return StepOutcome(await shim.ask(.removePart(name: name)))
        }
        if shim == nil {
            // A helper of the dead shim may still be at work, and has the sandbox's mounts.
            let outcome = try removal.kill(in: removal.layout.cgroup(removal.uid) + "/shim")
            guard outcome == .alreadyGone else { return outcome }
        }
        return StepOutcome(try await removal.host.removePart(removal.uid, name))
    }
}

extension WireVolume.Medium {
    fileprivate init(_ medium: VolumeSpec.Medium) {
        switch medium {
        case .disk: self = .disk
        case .memory(let size): self = .memory(size: size.map { UInt64(clamping: $0) })
        }
    }
}
