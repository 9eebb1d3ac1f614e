// freeze: freezes or thaws the task's processes. A helper does that, because a process that waits
// for a disk freezes when the disk answers.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func freeze(_ task: String, _ isFrozen: Bool, id: UInt32) {
        let slot = slot(task)
        guard slot.isAlive, slot.stop == nil, hasRun(slot) else {
            return reply(id, .failed(.notRunning, detail: "the task does not run"))
        }
        let kind = isFrozen ? Job.Kind.freeze : .thaw
        if joinsJob(kind, of: slot, id: id) { return }
        let cgroup = cgroup(of: slot)
        if isFrozen {
            slot.isFrozen = true
            dropCheck(slot)
        }
        startHelper(kind, for: slot, id: id) {
            outcome { () throws(SystemCallFailure) in try Freezer(cgroup: cgroup).run(isFrozen) }
        }
    }

    /// The helper has ended. After a failure the processes are thawed again.
    func frozen(_ slot: TaskSlot, _ job: Job) {
        let answer = answer(job)
        if answer == .done {
            slot.isFrozen = job.kind == .freeze
            return reply(to: job.waiting, .done)
        }
        thaw(slot)
        let reason = if case .stillThere(let reason, _) = answer { reason } else { "" }
        reply(to: job.waiting, .failed(.state, detail: reason))
    }

    /// A thaw needs no patience: the kernel wakes the processes at once.
    func thaw(_ slot: TaskSlot) {
        ignoring("a stop kills them thawed, and a client can resume again") {
            () throws(SystemCallFailure) in
            _ = try cgroup(of: slot).freeze(false)
            slot.isFrozen = false
        }
    }
}

/// Runs in a helper.
struct Freezer {
    let cgroup: TaskCgroup

    /// Milliseconds until it gives up, and between two looks.
    private static let patience = 10_000
    private static let pause = 10

    func run(_ isFrozen: Bool) throws(SystemCallFailure) {
        for _ in 0..<(Freezer.patience / Freezer.pause) {
            if try cgroup.freeze(isFrozen) == nil { return }
            SystemClock.pause(milliseconds: UInt32(Freezer.pause))
        }
        let reason = try cgroup.freeze(isFrozen)
        guard let reason else { return }
        throw SystemCallFailure(call: "freeze", subject: reason, errno: 110)
    }
}
