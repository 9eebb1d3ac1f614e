// The shim: the pod's sandbox process, which holds its namespaces and its mounts.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct ShimProcess: PodResource {
    func observe(_ look: Look) async -> [Observation] {
        let host = look.host
        func folders(
            _ isMeant: (UID) throws(SystemCallFailure) -> Bool
        ) throws(SystemCallFailure) -> [String: String] {
            var found: [String: String] = [:]
            for (name, path) in try host.runFolders() {
                guard let uid = UID(ours: name) else { continue }
                ignoring("what cannot be told is missing, and says so") {
                    () throws(SystemCallFailure) in
                    if try isMeant(uid) { found[name] = path }
                }
            }
            return found
        }
        return [
            look.observed(.shims) { () throws(SystemCallFailure) in
                try folders { uid throws(SystemCallFailure) in
                    try host.shimPresence(uid) == .lives
                }
            },
            look.observed(.sockets) { () throws(SystemCallFailure) in
                try folders(host.hasSocket)
            },
        ]
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        guard let shim = try removal.shim() else {
            let outcome = try removal.kill(in: removal.layout.cgroup(removal.uid) + "/shim")
            guard outcome == .alreadyGone else { return outcome }
            // The mount of /dev/shm is gone with the shim. Its superblock still lives if another
            // pod holds a file of it.
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
        // The next step removes whatever is left in the shim's cgroup.
        return .removed
    }
}
