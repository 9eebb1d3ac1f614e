// stop: sends the signal, waits for the grace, then kills the task's cgroup until it is empty.

import Kernel
import Linux
import ShimProtocol

/// A stop in progress. The times say when to look or to kill again; none of them ends the stop.
struct StopState {
    var waiting: String?
    /// The requests to answer at its end.
    var ids: [UInt32]
    /// The signal; `nil` when it has been sent.
    var signal: Int32?
    let since = SystemClock.sinceBoot
    /// CLOCK_BOOTTIME in nanoseconds after which SIGKILL is sent.
    var killFrom: Int64
    /// CLOCK_BOOTTIME in nanoseconds of the next look.
    var nextLook: Int64
    var kills = 0
}

extension Shim {
    func stop(_ task: String, signal: Int32, grace: Int64, id: UInt32) {
        let slot = slot(task)
        endRestarts(slot)
        callOffUpdate(slot)
        dropCheck(slot)
        let now = SystemClock.sinceBoot
        // A packet may contain any number, so the grace is capped at a year.
        let killFrom = now + min(max(grace, 0), 31_536_000_000) * 1_000_000
        if var stop = slot.stop {
            stop.ids.append(id)
            stop.killFrom = min(stop.killFrom, killFrom)
            stop.nextLook = now
            slot.stop = stop
        } else {
            slot.stop = StopState(
                ids: [id], signal: grace > 0 ? signal : nil, killFrom: killFrom, nextLook: now)
        }
        advanceStop(slot)
    }

    /// Advances a stop as far as possible: after an exit, after a job's end, or when its time has
    /// come.
    func advanceStop(_ slot: TaskSlot) {
        guard var stop = slot.stop else { return }
        if !slot.willRestart { slot.opening?.kill() }
        if let job = slot.job, job.kind == .freeze || job.kind == .thaw {
            // Before its end it could freeze them again.
            job.kill()
            stop.waiting = "\(job.kind.rawValue) was killed and has not ended: pid \(job.pid)"
            return lookAgain(slot, stop)
        }
        if slot.isFrozen { thaw(slot) }
        if let signal = stop.signal, hasRun(slot), let process = slot.process {
            Children.signal(process.pid, signal)
            stop.signal = nil
        }
        if let job = slot.job, job.kind == .create || job.kind == .mount || job.kind == .start {
            if let until = waitsForRestart(slot, job) {
                stop.waiting = "\(job.kind.rawValue) is under way: pid \(job.pid)"
                stop.nextLook = until
                slot.stop = stop
                return
            }
            job.kill()
            stop.waiting = "\(job.kind.rawValue) was killed and has not ended: pid \(job.pid)"
            return lookAgain(slot, stop)
        }
        if slot.isAlive { return lookAtLiving(slot, stop) }
        do throws(SystemCallFailure) {
            let left = try cgroup(of: slot).processes()
            if left.isEmpty {
                guard let reason = endExecs(of: slot) else { return finishStop(slot, stop) }
                stop.waiting = reason
                return lookAgain(slot, stop)
            }
            stop.waiting = "processes in the cgroup: \(places(left))"
            try cgroup(of: slot).kill()
        } catch { stop.waiting = error.description }
        lookAgain(slot, stop)
    }

    private func lookAtLiving(_ slot: TaskSlot, _ stop: StopState) {
        var stop = stop
        // Not started, and nothing will start it now: no program exists that could receive a
        // signal.
        if stop.signal != nil && !slot.willRun { stop.killFrom = 0 }
        let now = SystemClock.sinceBoot
        if now < stop.killFrom {
            stop.waiting = "grace for pid \(slot.process?.pid ?? 0)"
            let probe = stop.signal == nil ? .max : nextProbe(waitingSince: stop.since)
            stop.nextLook = min(stop.killFrom, probe)
            slot.stop = stop
            return
        }
        if stop.kills == 0, let process = slot.process {
            // Killing its init ends the PID namespace; the cgroup is checked when the init is gone.
            Children.signal(process.pid, 9)
        } else {
            ignoring("it is looked at again") { () throws(SystemCallFailure) in
                try cgroup(of: slot).kill()
            }
        }
        let first = slot.process?.pid ?? 0
        stop.waiting = "killed, and has not ended: \(places(first))"
        // A PID namespace's init waits for the others, and one of them may wait in the kernel.
        if stop.kills > 0 {
            ignoring("it is looked at again") { () throws(SystemCallFailure) in
                let others = try cgroup(of: slot).processes().subtracting([first])
                if !others.isEmpty { stop.waiting? += "; with it \(places(others))" }
            }
        }
        lookAgain(slot, stop)
    }

    /// Lists unkillable processes (state D) first, and at most four.
    private func places(_ pids: Set<Int32>) -> String {
        let held = pids.filter { ProcFS.state(of: $0) == "D" }
        let order = held.sorted() + pids.subtracting(held).sorted()
        let more = order.count > 4 ? " and \(order.count - 4) more" : ""
        return order.prefix(4).map { places($0) }.joined(separator: ", ") + more
    }

    private func places(_ pid: Int32) -> String {
        let place = ProcFS.waitChannel(of: pid).map { ", in \($0)" } ?? ""
        return "pid \(pid), state \(ProcFS.state(of: pid) ?? "?")\(place)"
    }

    /// Nanoseconds from one kill to the next: 20 ms, then doubled each time, up to a second.
    static func pause(after kills: Int) -> Int64 {
        min(Int64(20_000_000) << min(kills, 10), 1_000_000_000)
    }

    /// The shim sees an exit at once anyway; it polls only for processes that escaped a kill.
    private func lookAgain(_ slot: TaskSlot, _ stop: StopState) {
        var stop = stop
        stop.nextLook = SystemClock.sinceBoot + Shim.pause(after: stop.kills)
        stop.kills += 1
        slot.stop = stop
    }

    private func finishStop(_ slot: TaskSlot, _ stop: StopState) {
        slot.stop = nil
        reply(to: stop.ids, .done)
        advanceRestart(slot)
    }
}
