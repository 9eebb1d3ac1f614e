// Finds the task's first process. The pid file alone is no evidence: its number may be any
// process's, and the shim later sends signals to the process that it adopts.

import Bytes
import Kernel
import Linux
import ShimProtocol

enum Adoptee {
    case process(Int32)
    /// The process is still a child of this process of the runtime's, which is the shim's child.
    case childOf(Int32)
    /// No process, and the reason.
    case none(String)
}

extension Shim {
    /// Returns the process in the pid file, if this shim has adopted it as a child and it is in the
    /// task's cgroup. If it has ended already, its cgroup was read when it ended.
    func adoptee(of slot: TaskSlot) -> Adoptee {
        var text: [UInt8] = []
        do { text = try Files.read(slot.paths.pidFile, limit: 64) } catch {
            return .none("the runtime wrote no pid file: \(error)")
        }
        guard let pid = Int32(String(decoding: text, as: UTF8.self)), pid > 1 else {
            return .none("the runtime's pid file holds no process's number")
        }
        if let orphan = orphans[pid] {
            return are(orphan.cgroups, of: slot, orRoot: true)
                ? .process(pid) : .none(refused(pid, "is not in the task's cgroup"))
        }
        guard Children.has(pid) else {
            // crun reports success and ends while the process that has made the task still ends.
            if let parent = ProcFS.parent(of: pid), Children.has(parent), !isKnown(parent) {
                return .childOf(parent)
            }
            // The parent may have ended between the two looks.
            return Children.has(pid) && !isKnown(pid) && stands(pid, in: slot)
                ? .process(pid) : .none(refused(pid, Shim.isNoChild))
        }
        guard !isKnown(pid) else { return .none(refused(pid, Shim.isNoChild)) }
        return stands(pid, in: slot)
            ? .process(pid) : .none(refused(pid, "is not in the task's cgroup"))
    }

    private static let isNoChild = "is no child of the shim's that it adopted for the task"

    private func refused(_ pid: Int32, _ why: String) -> String {
        "the runtime named pid \(pid) as the task's first process, which \(why)"
    }

    /// Whether the child already has another role.
    private func isKnown(_ pid: Int32) -> Bool {
        formerWriters.contains(pid) || removal?.pid == pid
            || slots.values.contains {
                $0.process?.pid == pid || $0.job?.pid == pid || $0.output?.writer == pid
            }
    }

    /// Whether the process is in the task's cgroup in each hierarchy that has one, and in at least
    /// one.
    private func stands(_ pid: Int32, in slot: TaskSlot) -> Bool {
        guard let cgroups = ProcFS.cgroups(of: pid) else { return false }
        let inside = cgroups.count { isInside($0, slot) }
        do throws(SystemCallFailure) {
            if inside >= max(1, try cgroup(of: slot).directories().count) { return true }
        } catch { return false }
        return ProcFS.isExiting(pid) && are(cgroups, of: slot, orRoot: true)
    }

    private func are(_ cgroups: [String], of slot: TaskSlot, orRoot: Bool) -> Bool {
        cgroups.allSatisfy { isInside($0, slot) || orRoot && $0.isSame(as: "/") }
    }

    private func isInside(_ cgroup: String, _ slot: TaskSlot) -> Bool {
        [slot.paths.cgroup, slot.paths.ownCgroup].contains { top in
            cgroup.isSame(as: top) || cgroup.begins(with: top + "/")
        }
    }
}
