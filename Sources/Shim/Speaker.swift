// Who has written to a task's standard output and error: the runtime, which has the task's own from
// the start, or the task's program.

import Linux
import ShimProtocol

extension Shim {
    /// Whether none but the runtime can have written what was read before this call. In doubt it is
    /// the task's, because output that is lost is worse than a warning too much.
    func onlyRuntimeWrote(_ slot: TaskSlot) -> Bool {
        if slot.exit != nil || slot.hasRun { return false }
        if let process = slot.process { return ProcFS.hasExecuted(process.pid) == false }
        // `create` leaves the program to `start`.
        return !slot.startsAtOnce || cgroupHasNoProgram(slot)
    }

    /// Whether the task has ended, or is about to, without having executed its program.
    func neverRan(_ slot: TaskSlot) -> Bool {
        if let exit = slot.exit { return exit.neverRan }
        guard let process = slot.process, !slot.hasRun else { return false }
        return ProcFS.hasExecuted(process.pid) == false
    }

    /// While the runtime is at work nobody has said which process is the task's. There is no cgroup
    /// before it, and none is left in the cgroup after it: so one that is empty leaves it open.
    private func cgroupHasNoProgram(_ slot: TaskSlot) -> Bool {
        do throws(SystemCallFailure) {
            for hierarchy in hierarchies {
                guard try Files.exists(hierarchy.directory(slot.paths.cgroup)) else { continue }
                let members = try Cgroup(path: slot.paths.cgroup, hierarchies: [hierarchy])
                    .processes()
                return !members.isEmpty && members.allSatisfy { isRuntimes($0) }
            }
            return true
        } catch { return false }
    }

    /// Every task has a PID namespace of its own, in which the runtime's own programs are not.
    private func isRuntimes(_ pid: Int32) -> Bool {
        ProcFS.hasExecuted(pid) == false || ProcFS.sharesPIDNamespace(pid)
    }
}
