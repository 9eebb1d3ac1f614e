// Who the task's first process is. The runtime's word is no evidence: a number in its pid file may
// be anybody's, and what is taken for the task's is signalled.

import Bytes
import Linux
import ShimProtocol

enum Adoptee {
    case process(Int32)
    /// Nobody, and why.
    case none(String)
}

extension Shim {
    /// The process that the pid file names, if it is a child that this shim has adopted and is in
    /// the task's cgroup. One that has ended meanwhile was seen to be so at its end.
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
        guard Children.has(pid), !isKnown(pid) else {
            return .none(refused(pid, "is no child of the shim's that it adopted for the task"))
        }
        return stands(pid, in: slot)
            ? .process(pid) : .none(refused(pid, "is not in the task's cgroup"))
    }

    private func refused(_ pid: Int32, _ why: String) -> String {
        "the runtime named pid \(pid) as the task's first process, which \(why)"
    }

    /// A child that is something else already.
    private func isKnown(_ pid: Int32) -> Bool {
        formerWriters.contains(pid) || removal?.pid == pid
            || slots.values.contains {
                $0.process?.pid == pid || $0.job?.pid == pid || $0.output?.writer == pid
            }
    }

    /// In each hierarchy in which the task has a cgroup, and in one at least.
    private func stands(_ pid: Int32, in slot: TaskSlot) -> Bool {
        guard let cgroups = ProcFS.cgroups(of: pid) else { return false }
        let below = slot.paths.cgroup + "/"
        let inside = cgroups.count { isInside($0, slot, below) }
        do throws(SystemCallFailure) {
            if inside >= max(1, try cgroup(of: slot).directories().count) { return true }
        } catch { return false }
        return ProcFS.isExiting(pid) && are(cgroups, of: slot, orRoot: true)
    }

    private func are(_ cgroups: [String], of slot: TaskSlot, orRoot: Bool) -> Bool {
        let below = slot.paths.cgroup + "/"
        return cgroups.allSatisfy {
            isInside($0, slot, below) || orRoot && $0.isSame(as: "/")
        }
    }

    private func isInside(_ cgroup: String, _ slot: TaskSlot, _ below: String) -> Bool {
        cgroup.begins(with: below) || cgroup.isSame(as: slot.paths.cgroup)
    }
}
