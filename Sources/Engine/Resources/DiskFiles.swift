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
        return StepOutcome(try await removal.host.removeFiles(removal.uid, task))
    }

    func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        if let shim = try removal.shim() {
            return StepOutcome(await shim.ask(.removeAll(keepingLogs: removal.keepsLogs)))
        }
        return StepOutcome(
            try await removal.host.removeFiles(removal.uid, keepingLogs: removal.keepsLogs))
    }
}
