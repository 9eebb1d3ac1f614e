// Speaks to a shim of version 1. Such a shim was started by an earlier version of the daemon, and
// lives as long as its pod. The daemon composes the runtime's command lines for it.

import Host
import Kernel
import Linux
import Model
import ShimProtocol

struct OlderShim {
    let pod: UID
    let layout: Layout
    /// The path at which the runtime was last found.
    let runtime: @Sendable () -> String

    func packet(_ request: ShimRequest, id: UInt32) -> [UInt8] {
        request.packetOfVersion1(id: id) { call, task, document in
            guard let name = Label(task) else { return [] }
            let bundle = layout.bundle(pod, name)
            return command(name, document?.id).arguments(call, log: bundle + "/runtime.log")
        }
    }

    /// `id` is the id of a container that is to be made; an existing container is found by its
    /// state.
    private func command(_ task: Label, _ id: String?) -> RuntimeCommand {
        let root = layout.runtime(pod, task)
        // The state file is state.json for runc and status for crun. It is in a directory that has
        // the container's id as its name. The first daemons took the task's name as the id, and the
        // pod's directory as the root.
        let found = names(in: root)
        let isByName = found.contains { ["state.json", "status"].contains($0) }
        return RuntimeCommand(
            program: runtime(), root: isByName ? layout.runtime(pod) : root,
            id: isByName ? task.text : id ?? found.first ?? "\(pod)",
            bundle: layout.bundle(pod, task))
    }

    private func names(in directory: String) -> [String] {
        do throws(SystemCallFailure) { return try Files.names(in: directory) } catch { return [] }
    }
}
