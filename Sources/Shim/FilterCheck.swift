// Verifies that a task has its filter of system calls.
//
// crun reports success for a task without a filter if it was built without libseccomp, and nothing
// in the task would show that. So the kernel is asked. The runtime's init installs the filter just
// before it executes the program, and the runtime may return earlier. The kernel reports neither,
// so the shim polls, and answers the requests that started the task only when it has seen the
// filter. A program that runs without a filter is killed at once.

import Kernel
import Linux
import ShimProtocol

//            runtime succeeds           filter seen, or ended before the program ran
//   (due) ────────────────────> waiting ────────────────────────────────────────────> fine
//                                  └── the program runs without a filter ──> not fine
struct FilterCheck {
    /// The requests to answer, and the answer if the task has its filter.
    fileprivate var waiting: (ids: [UInt32], answer: ShimReply)?
    /// `nil` until it is known.
    fileprivate var isFine: Bool?
    fileprivate var since: Int64 = 0
    /// CLOCK_BOOTTIME in nanoseconds of the next look; `nil` if none is due.
    fileprivate(set) var nextLook: Int64?
}

extension Shim {
    /// Answers the requests as soon as the task is known to have its filter; at once if that needs
    /// no check. `ended` is the first process, if it was reaped before the runtime named it.
    func confirm(_ slot: TaskSlot, _ ids: [UInt32], _ answer: ShimReply, _ ended: Orphan? = nil) {
        guard let check = slot.filterCheck else { return reply(to: ids, answer) }
        slot.filterCheck?.waiting = (ids, answer)
        slot.filterCheck?.since = SystemClock.sinceBoot
        if let ended {
            endFilterCheck(slot, ended.seccomp, hasRun: ended.hasRun)
        } else if let isFine = check.isFine {
            settle(slot, isFine)
        } else {
            checkFilter(slot)
        }
    }

    /// A daemon repeats its request. Returns `false` if no check is under way or has failed.
    func joinsFilterCheck(of slot: TaskSlot, id: UInt32) -> Bool {
        guard let check = slot.filterCheck else { return false }
        if check.isFine == false {
            reply(id, Shim.unfiltered)
            return true
        }
        guard check.waiting != nil else { return false }
        slot.filterCheck?.waiting?.ids.append(id)
        return true
    }

    /// Looks at the living process. An ended process is looked at before it is reaped.
    func checkFilter(_ slot: TaskSlot) {
        guard let check = slot.filterCheck, check.waiting != nil, slot.isAlive,
            let process = slot.process
        else { return }
        // In this order, because the filter is older than the program.
        let runs = hasRun(slot)
        let isSeen = ProcFS.seccomp(of: process.pid).map { isFiltered($0) }
        guard let isSeen, isSeen || runs else {
            slot.filterCheck?.nextLook = nextProbe(waitingSince: check.since)
            return
        }
        settle(slot, isSeen)
        guard !isSeen else { return }
        Children.signal(process.pid, 9)
        let now = SystemClock.sinceBoot
        var stop = slot.stop ?? StopState(ids: [], signal: nil, killFrom: now, nextLook: now)
        stop.signal = nil
        stop.killFrom = now
        slot.stop = stop
        advanceStop(slot)
    }

    /// The process has ended, and left this state.
    func endFilterCheck(_ slot: TaskSlot, _ state: SeccompState?, hasRun: Bool) {
        guard slot.filterCheck != nil, slot.filterCheck?.isFine == nil else { return }
        settle(slot, !hasRun || state.map { isFiltered($0) } ?? false)
    }

    private func settle(_ slot: TaskSlot, _ isFine: Bool) {
        slot.filterCheck?.isFine = isFine
        slot.filterCheck?.nextLook = nil
        if !isFine { endRestarts(slot) }
        guard let waiting = slot.filterCheck?.waiting.take() else { return }
        reply(to: waiting.ids, isFine ? waiting.answer : Shim.unfiltered)
    }

    /// The shim's own filters come from the starter of the daemon, and a task inherits them.
    private func isFiltered(_ state: SeccompState) -> Bool {
        state.hasMore(than: ProcFS.seccomp(of: identity.pid))
    }

    private static let unfiltered = ShimReply.failed(
        .runtime, detail: "the runtime started the task without its seccomp filter")
}
