// Restarts a task whose first process has ended, also while no daemon runs.
//
//             planRestart             stop ends           clear           launch
//   running ──────────────> ending ───────────> clearing ───────> waiting ───────> running
//      └──────────────> (over: the policy says no, or a stop came)
//
//   ending:   * the exit is stored  * a stop of the shim's own kills what is left in the cgroup
//   clearing: * the cgroup is empty; it and the runtime's state are being removed
//   waiting:  * nothing is left of the attempt but its log writer, the overlay and the bundle
//
// A request to stop or to remove the task ends its restarts in each of these states, before it does
// anything else. An exit is in the file before the next attempt begins, and has its place there
// before its own attempt begins.

import Kernel
import Linux
import ShimProtocol

/// In nanoseconds.
private let second: Int64 = 1_000_000_000

extension Shim {
    func setRestart(_ task: String, _ policy: WireRestart, id: UInt32) {
        let slot = slot(task)
        connection?.asksForAttempts = true
        // A daemon repeats the request.
        if !slot.wasLaunched, policy.firstAttempt > 0 {
            slot.restarts = RestartState(policy)
            slot.attempt = policy.firstAttempt
        } else if slot.restarts?.isOver ?? false, !(slot.health?.hasStopped ?? false) {
            // A daemon died while it undid the create, and its successor does the create again.
            slot.restarts?.isOver = false
            planRestart(slot)
            advanceRestart(slot)
        }
        reply(id, .done)
    }

    /// Answers with the exits after `since`, up to the present attempt's.
    func attempts(_ task: String, since: UInt32, id: UInt32) {
        connection?.asksForAttempts = true
        guard let slot = slots[task], let restarts = slot.restarts else {
            return reply(id, .attempts(WireAttempts(exits: [], attempt: 0)))
        }
        acknowledge(slot, since)
        let (known, last) = (max(since, restarts.policy.firstAttempt - 1), slot.lastEnded)
        var exits: [AttemptExit] = []
        if known < last {
            let first = known + 1
            let end = last - known > WireAttempts.most ? known + UInt32(WireAttempts.most) : last
            exits = slot.attemptRecords.exits(first...end)
            if end == slot.attempt, let exit = slot.exit {
                exits[exits.count - 1] = AttemptExit(attempt: end, exit)
            }
        }
        var answer = WireAttempts(exits: exits, attempt: slot.isBegun ? slot.attempt : last)
        answer.process = slot.isAlive ? slot.process : nil
        answer.startedAt = slot.isAlive ? restarts.startedWall : nil
        let isMaking = restarts.isRestart && slot.job?.kind == .create
        answer.nextStartAt = restarts.next?.dueWall ?? (isMaking ? restarts.madeFor : nil)
        answer.waiting = restarts.next?.waiting
        reply(id, .attempts(answer))
    }

    private func acknowledge(_ slot: TaskSlot, _ attempt: UInt32) {
        guard let restarts = slot.restarts, attempt > restarts.acknowledged else { return }
        slot.restarts?.acknowledged = min(attempt, slot.lastEnded)
        // A page of the file has 64 records.
        guard attempt - restarts.freed >= 64 else { return }
        ignoring("it is tried again with the next one") { () throws(SystemCallFailure) in
            try slot.attemptRecords.forget(before: min(attempt, slot.lastEnded))
            slot.restarts?.freed = attempt
        }
    }

    /// Tells the daemon to ask for the attempts.
    func tellOfAttempts(_ slot: TaskSlot) {
        guard slot.restarts != nil, connection?.asksForAttempts ?? false else { return }
        send(.attemptsChanged(task: slot.name))
    }

    /// An attempt of the task has ended, and its exit is stored.
    func planRestart(_ slot: TaskSlot) {
        guard var restarts = slot.restarts, slot.willRun, let exit = slot.exit,
            restarts.wants(after: exit, of: slot.attempt)
        else { return }
        let now = SystemClock.sinceBoot
        let pause = restarts.takePause(at: now)
        restarts.next = NextAttempt(
            due: now + pause * 1_000_000, dueWall: SystemClock.wall + pause, look: now)
        slot.restarts = restarts
    }

    /// The present attempt goes on. The task may wait for an attempt that the new policy does not
    /// want.
    func changeRestarts(_ slot: TaskSlot, _ policy: WireRestart) {
        slot.restarts?.change(to: policy)
        guard let restarts = slot.restarts, let next = restarts.next, let exit = slot.exit,
            !restarts.wants(after: exit, of: slot.attempt)
        else { return }
        slot.restarts?.next = nil
        reply(to: next.ids, .failed(.interrupted, detail: "the task is no longer restarted"))
        tellOfAttempts(slot)
    }

    /// A stop or a removal: the task is not started again.
    func endRestarts(_ slot: TaskSlot) {
        guard let next = slot.restarts?.next else {
            slot.restarts?.isOver = true
            return
        }
        slot.restarts?.isOver = true
        slot.restarts?.next = nil
        reply(to: next.ids, .failed(.interrupted, detail: "a stop came in between"))
        tellOfAttempts(slot)
    }

    /// Starts a task that waits for its next attempt.
    func startNow(_ slot: TaskSlot, id: UInt32) {
        slot.restarts?.next?.ids.append(id)
        slot.restarts?.next?.due = SystemClock.sinceBoot
        slot.restarts?.next?.dueWall = SystemClock.wall
        advanceRestart(slot)
    }

    /// Advances the next attempt as far as possible: after a stop's end, after a job's end, or when
    /// its time has come.
    func advanceRestart(_ slot: TaskSlot) {
        guard let next = slot.restarts?.next else { return }
        slot.restarts?.next?.look = .max
        let now = SystemClock.sinceBoot
        // Their end calls this again, too.
        if let stop = slot.stop { return wait(slot, for: stop.waiting, until: now + second, now) }
        if slot.job != nil { return }
        do throws(SystemCallFailure) {
            try storeAgain(slot)
            guard try isClear(slot) else { return }
            if now < next.due { return wait(slot, for: nil, until: next.due, now) }
            if let reason = outputLeft(of: slot, now) ?? roomless(slot) ?? withoutReaper {
                return wait(slot, for: reason, until: now + second / 10, now)
            }
            try beginAttempt(slot)
        } catch { wait(slot, for: error.description, until: now + second, now) }
    }

    /// Tells the reason of a wait only when it has lasted for a second.
    private func wait(_ slot: TaskSlot, for reason: String?, until look: Int64, _ now: Int64) {
        guard let restarts = slot.restarts, let next = restarts.next else { return }
        slot.restarts?.next?.look = look
        let shown = now - next.due >= second ? reason ?? restarts.refusal : restarts.refusal
        guard next.waiting != shown else { return }
        slot.restarts?.next?.waiting = shown
        tellOfAttempts(slot)
    }

    /// If the file was removed with the kept place, there may have been no room for the exit.
    private func storeAgain(_ slot: TaskSlot) throws(SystemCallFailure) {
        guard slot.restarts?.isStored == false, let exit = slot.exit else { return }
        try slot.attemptRecords.store(exit, of: slot.attempt)
        slot.restarts?.isStored = true
    }

    /// Removes what is left of the last attempt, by the runtime's own `delete` if that may have
    /// more to remove. Returns `false` if that runs now.
    private func isClear(_ slot: TaskSlot) throws(SystemCallFailure) -> Bool {
        guard let next = slot.restarts?.next, next.clearSince == nil else { return true }
        if !next.hasRunDelete, try !isPlainState(of: slot), let document = slot.document {
            slot.restarts?.next?.hasRunDelete = true
            try runRuntime(.delete, .delete, document, for: slot, ids: [])
            return false
        }
        try removeState(of: slot)
        slot.restarts?.next?.clearSince = SystemClock.sinceBoot
        return true
    }

    /// Two writers of one log would mix their lines. Another process that holds the streams, which
    /// it got from the task, is not waited for.
    private func outputLeft(of slot: TaskSlot, _ now: Int64) -> String? {
        guard let output = slot.output, !output.isOver else { return nil }
        if let since = slot.restarts?.next?.clearSince, now - since >= second {
            output.close()
            if output.isOver { return nil }
        }
        return output.writer.map { "the log writer has not ended: pid \($0)" }
            ?? "the output of the last attempt is open"
    }

    /// The most exits that no daemon has stored: 4 MiB of memory.
    private static let mostUnstored: UInt32 = 65536

    private func roomless(_ slot: TaskSlot) -> String? {
        guard let restarts = slot.restarts,
            slot.attempt - restarts.acknowledged >= Shim.mostUnstored
        else { return nil }
        return "no daemon has stored the last \(Shim.mostUnstored) exits"
    }

    private func beginAttempt(_ slot: TaskSlot) throws(SystemCallFailure) {
        guard let next = slot.restarts?.next, slot.attempt < .max else { return }
        let attempt = slot.attempt + 1
        try checkRoom(slot)
        try slot.attemptRecords.begin(attempt)
        let former = slot.restarts?.isRestart ?? false
        slot.restarts?.isRestart = true
        do throws(SystemCallFailure) { try launch(slot, ids: next.ids) } catch {
            slot.restarts?.isRestart = former
            ignoring("the place is kept again, for the same attempt") {
                () throws(SystemCallFailure) in try slot.attemptRecords.withdraw(attempt)
            }
            throw error
        }
        slot.attempt = attempt
        slot.exit = nil
        slot.hasStarted = false
        slot.hasRun = false
        slot.isFrozen = false
        slot.restarts?.next = nil
        slot.restarts?.isUnhealthy = false
        slot.restarts?.madeFor = next.dueWall
        slot.restarts?.startedAt = nil
        slot.restarts?.startedWall = nil
    }

    /// Without room for the runtime's own files, an attempt would begin and end unseen.
    private func checkRoom(_ slot: TaskSlot) throws(SystemCallFailure) {
        try Files.allocate(slot.paths.room, bytes: 128 << 10)
        try Files.removeFile(slot.paths.room)
    }

    /// The runtime has started an attempt.
    func noteStart(_ slot: TaskSlot, _ process: ProcessIdentity) {
        slot.restarts?.lastProcess = process
        slot.restarts?.refusal = nil
        if slot.restarts?.isRestart ?? false { slot.hasStarted = true }
        if slot.willRun { noteRunning(slot) }
        tellOfAttempts(slot)
    }

    func noteRunning(_ slot: TaskSlot) {
        slot.restarts?.startedAt = SystemClock.sinceBoot
        slot.restarts?.startedWall = SystemClock.wall
        slot.output?.begin()
        beginHealth(slot)
    }

    /// Until when a stop lets the runtime make the process of a restart. The exit of a process that
    /// the shim has is seen; if the runtime is killed, it is not.
    func waitsForRestart(_ slot: TaskSlot, _ job: Job) -> Int64? {
        guard job.kind == .create, slot.restarts?.isRestart ?? false else { return nil }
        let until = job.since + 2 * second
        return SystemClock.sinceBoot < until ? until : nil
    }

    /// The runtime has not made the process of a restart, or was killed. How the attempt ended, and
    /// whether it has run at all, was not seen.
    func attemptFailed(_ slot: TaskSlot, _ refusal: ShimReply) {
        guard slot.restarts?.isRestart ?? false else { return }
        let exit = TaskExit(
            status: .unknown, oomKilled: cgroup(of: slot).sawOutOfMemory(),
            finishedAt: SystemClock.wall)
        if case .failed(_, let detail, _) = refusal {
            let end = detail.utf8.suffix(500)
            slot.restarts?.refusal = String(decoding: end, as: UTF8.self)
        }
        storeRecord(exit, of: slot)
        tasksEnded(slot)
    }
}

extension TaskSlot {
    var attemptRecords: AttemptRecords { AttemptRecords(path: paths.exitsFile) }

    /// The last attempt that has ended; the number before the first one if there is none.
    var lastEnded: UInt32 { exit == nil ? attempt - 1 : attempt }

    /// The present attempt has a process, or has had one.
    var isBegun: Bool { process != nil || exit != nil }
}
