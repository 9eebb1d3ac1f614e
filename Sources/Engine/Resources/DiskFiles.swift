// The files on disks: upper layers in the data directory, logs in the log directory. Helpers remove
// them, because a disk may hold the removal.

import Host
import Kernel
import Model
import ShimProtocol
import Teardown

struct DiskFiles: TaskResource, PodResource {
    func observe(_ look: Look) async -> [Observation] {
        await look.host.diskFolders(look.records)
    }

    /// Removes the files, and the task's bundle in the run directory.
    func remove(of task: Label, _ removal: PodRemoval) async throws(SystemCallFailure)
        -> StepOutcome
    {
        if let shim = try removal.shim() {
            return StepOutcome(await shim.ask(.remove(task: task.text)))
        }
        let outcome = StepOutcome(try await removal.host.removeFiles(removal.uid, task))
        guard removal.isReleased, outcome == .removed else { return outcome }
        // The helper has made the cgroup again, of a pod that has none any more.
        let rest = try await PodCgroup().remove(removal)
        if case .blocked = rest { return rest }
        return outcome
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        if let shim = try removal.shim() {
            return StepOutcome(await shim.ask(.removeAll(keepingLogs: removal.keepsLogs)))
        }
        return StepOutcome(
            try await removal.host.removeFiles(removal.uid, keepingLogs: removal.keepsLogs))
    }
}
