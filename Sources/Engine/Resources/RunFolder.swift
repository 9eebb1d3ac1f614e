// The pod's folder in the run directory. It is removed last because it contains the shim's lock and
// socket. Then the step looks for everything once more.

import Host
import Kernel
import Model
import Teardown

struct RunFolder: PodResource {
    func observe(_ look: Look) async -> [Observation] {
        [look.observed(.directories, look.host.runFolders)]
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        let (host, uid) = (removal.host, removal.uid)
        if let left = try await host.filesLeft(uid, keepingLogs: removal.keepsLogs) {
            return try await removeFilesAgain(left, removal)
        }
        try host.removeRunFolder(uid)
        var left = try host.directories(of: removal.layout.cgroup(uid))
        for cgroup in try removal.engine.outsideCgroups(of: uid) {
            left += try host.directories(of: cgroup)
        }
        if !left.isEmpty { return .blocked(Blocker("still there: \(left)")) }
        if try host.hasRunFolder(uid) {
            return .blocked(Blocker("still there: \(removal.layout.pod(uid))"))
        }
        return .removed
    }

    /// Removes the files by a helper in the pod's cgroup. No process that could make them again
    /// lives.
    private func removeFilesAgain(
        _ left: Blocker, _ removal: PodRemoval
    ) async throws(SystemCallFailure) -> StepOutcome {
        let blocker = try await removal.host.removeFiles(
            removal.uid, keepingLogs: removal.keepsLogs)
        let outcome = try removal.removeCgroup(
            removal.layout.cgroup(removal.uid), children: ["helper"])
        if case .blocked = outcome { return outcome }
        return StepOutcome(blocker ?? left)
    }
}
