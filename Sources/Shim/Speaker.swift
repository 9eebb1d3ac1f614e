// Tells who has written to a task's standard output and error: the task's program or the runtime,
// which has them from the start.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    /// Whether only the runtime can have written what was read before this call. If in doubt, the
    /// answer is no, because lost output is worse than a superfluous warning.
    func onlyRuntimeWrote(_ slot: TaskSlot) -> Bool {
        if slot.exit != nil || slot.hasRun { return false }
        if let process = slot.process { return ProcFS.hasExecuted(process.pid) == false }
        // `create` leaves the program to `start`.
        return !slot.startsAtOnce || cgroupHasNoProgram(slot)
    }

    /// Whether the task has ended, or is about to end, without having executed its program.
    func neverRan(_ slot: TaskSlot) -> Bool {
        if let exit = slot.exit { return exit.neverRan }
        guard let process = slot.process, !slot.hasRun else { return false }
        return ProcFS.hasExecuted(process.pid) == false
    }

    /// While the runtime runs, the task's process is not known yet. Its cgroup does not exist
    /// before the process starts, and is empty after it ends, so an empty cgroup proves nothing.
    private func cgroupHasNoProgram(_ slot: TaskSlot) -> Bool {
        do throws(SystemCallFailure) {
            for hierarchy in hierarchies {
                guard try Files.exists(hierarchy.directory(slot.paths.cgroup)) else { continue }
                let members = try Cgroup(path: slot.paths.cgroup, hierarchies: [hierarchy])
                    .processes()
                return !members.isEmpty && members.allSatisfy { isRuntimes($0, slot) }
            }
            return true
        } catch { return false }
    }

    /// No task is in the shim's PID namespace unless that is the host's for all; the runtime's own
    /// programs are. In the host's, they are in the runtime's mount namespace, and no task is.
    private func isRuntimes(_ pid: Int32, _ slot: TaskSlot) -> Bool {
        if ProcFS.hasExecuted(pid) == false { return true }
        guard settings.hostPID else { return ProcFS.sharesPIDNamespace(pid) }
        return slot.job.map { ProcFS.shareMountNamespace(pid, $0.pid) } ?? false
    }
}
