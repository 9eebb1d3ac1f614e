// exec, endExec, execs, forgetExec: one more process in a running task.

import Kernel
import Linux
import ShimProtocol

/// An exec as its shim knows it. Its keeper runs it.
final class ExecSlot {
    let id: String
    let task: TaskSlot
    /// Whether it checks the health of its task. No daemon knows of it then.
    let isCheck: Bool
    /// `nil` when it has been reaped.
    var keeper: Int32?
    /// `nil` as long as it runs.
    var end: WireExecEnd?
    /// The pipe from which the end is read, until it was.
    var result: OwnedDescriptor?
    /// The socket for next clients, and whose end asks the keeper to end the exec.
    var control: PacketSocket?
    /// Whether it runs on without a client, so that another one can come.
    let isKept: Bool
    let cgroup: ExecCgroup
    /// CLOCK_BOOTTIME in nanoseconds of the next SIGKILL to what a killed keeper has left; `nil` if
    /// there is nothing to kill.
    var killAt: Int64?
    var kills = 0
    /// The same for the SIGKILL to the keeper of a check that was asked to end.
    var keeperKillAt: Int64?

    init(_ exec: WireExec, _ task: TaskSlot, _ cgroup: ExecCgroup, isCheck: Bool) {
        id = exec.id
        isKept = exec.isKept
        self.task = task
        self.isCheck = isCheck
        self.cgroup = cgroup
    }

    var report: WireExecReport {
        WireExecReport(id: id, task: task.name, keeper: keeper, end: end)
    }
}

extension Shim {
    /// The most execs that run at once.
    private static let mostExecs = 256

    func exec(
        _ task: String, _ exec: WireExec, _ passed: inout PassedDescriptors, id: UInt32
    ) {
        connection?.asksForExecs = true
        if execs.contains(where: { $0.id == exec.id }) { return reply(id, .done) }
        var stream: OwnedDescriptor?
        if exec.stream != nil {
            stream = passed.next()
            guard stream?.number != nil else {
                return reply(id, .failed(.state, detail: "no descriptor came with the request"))
            }
        }
        // The runtime's init may be about to become the task's program.
        guard let slot = slots[task], slot.isAlive, slot.willRun || hasRun(slot),
            let process = slot.process, let document = slot.document, let user = slot.user,
            slot.stop == nil
        else { return reply(id, .failed(.notRunning, detail: "the task does not run")) }
        if slot.isFrozen { return reply(id, .failed(.state, detail: "the task is paused")) }
        guard execs.count(where: { $0.keeper != nil && !$0.isCheck }) < Shim.mostExecs else {
            return reply(
                id, .failed(.state, detail: "the pod has \(Shim.mostExecs) execs already"))
        }
        do throws(SystemCallFailure) {
            var file: OwnedDescriptor?
            file = passed.next()
            _ = try keep(
                exec, of: slot, process, document, user, stream: stream?.number ?? -1,
                input: file?.number ?? -1)
            reply(id, .done)
        } catch { reply(id, .failed(.system, detail: error.description)) }
    }

    /// Starts a keeper. The caller keeps its own copies of the descriptors `stream` and `input`.
    func keep(
        _ exec: WireExec, of slot: TaskSlot, _ process: ProcessIdentity, _ document: TaskDocument,
        _ user: ResolvedUser, stream: CInt, input: CInt, isCheck: Bool = false
    ) throws(SystemCallFailure) -> ExecSlot {
        let hidden = try HiddenHierarchies(
            slot, settings, hierarchies, refusesHybrid: document.refusesHybrid)
        let cgroup = ExecCgroup(
            exec.id, slot.paths, hierarchies, refusesHybrid: document.refusesHybrid)
        let made = ExecSlot(exec, slot, cgroup, isCheck: isCheck)
        let results = try Pipe().release()
        let told = OwnedDescriptor(adopting: results.writing)
        made.result = OwnedDescriptor(adopting: results.reading)
        let controls = try SocketPair(ofPackets: true).release()
        let asked = OwnedDescriptor(adopting: controls.one)
        made.control = PacketSocket(adopting: OwnedDescriptor(adopting: controls.other))
        let plan = ExecPlan(
            exec: exec, isCheck: isCheck, task: process, user: user, document: document,
            command: slot.command(document), paths: slot.paths, hierarchies: hierarchies,
            hidden: hidden, host: hostMounts.number, control: asked.number, stream: stream,
            input: input, result: told.number)
        try epoll.add(
            results.reading, .readable, tag: Watched.exec(results.reading).tag)
        let kept = [asked.number, stream, input, told.number, hostMounts.number]
        made.keeper = try forkHelper(
            keeping: kept.filter { $0 >= 0 },
            mounts: hostMounts.number
        ) { ExecKeeper.run(plan) }
        execs.append(made)
        return made
    }

    func attachExec(
        _ exec: String, _ stream: WireStream, _ passed: inout PassedDescriptors, id: UInt32
    ) {
        guard let socket = passed.next() else {
            return reply(id, .failed(.state, detail: "no descriptor came with the request"))
        }
        guard let slot = execs.first(where: { $0.id == exec }), slot.isKept else {
            return reply(id, .failed(.state, detail: "the exec is not kept"))
        }
        do throws(SystemCallFailure) {
            guard slot.end == nil, slot.keeper != nil else {
                return reply(id, .failed(.notRunning, detail: "the exec has ended"))
            }
            try slot.control?.send(stream.packet(), passing: [socket.number])
            reply(id, slot.control == nil ? .failed(.notRunning, detail: "it ends") : .done)
        } catch { reply(id, .failed(.system, detail: error.description)) }
    }

    func endExec(_ exec: String, id: UInt32) {
        execs.first { $0.id == exec }?.control = nil
        reply(id, .done)
    }

    func forgetExec(_ exec: String, id: UInt32) {
        execs.removeAll { $0.id == exec && $0.keeper == nil && $0.killAt == nil }
        reply(id, .done)
    }

    /// A keeper has told how its exec ended.
    func execTold(_ number: CInt) {
        guard let exec = execs.first(where: { $0.result?.number == number }) else { return }
        readEnd(of: exec)
    }

    private func readEnd(of exec: ExecSlot) {
        guard let number = exec.result?.number else { return }
        var end: WireExecEnd?
        do {
            let packet = try exec.result?.read(limit: 65536) ?? []
            if !packet.isEmpty { end = try WireExecEnd.parse(packet) }
        } catch {}  // unknown
        epoll.remove(number)
        exec.result = nil
        if end == nil { kill(exec) }
        let now = SystemClock.wall
        let known = end ?? WireExecEnd(.unknown, startedAt: 0, finishedAt: now)
        exec.end = known
        if connection?.asksForExecs ?? false, !exec.isCheck { send(.execEnded(id: exec.id, known)) }
        forgetOldest()
    }

    /// The keeper was killed: kills the exec's processes until none is left. After a while that is
    /// left to the task's end, because one may wait in the kernel.
    private func kill(_ exec: ExecSlot) {
        exec.kills += 1
        let isOver = exec.cgroup.killAndRemove() || exec.kills > 10
        exec.killAt =
            isOver ? nil : SystemClock.sinceBoot + Int64(10_000_000) << min(exec.kills, 7)
    }

    func killLostExecs(_ now: Int64) {
        for exec in execs where exec.keeperKillAt.map({ $0 <= now }) ?? false {
            exec.keeperKillAt = nil
            if let keeper = exec.keeper { Children.signal(keeper, 9) }
        }
        for exec in execs where exec.killAt.map({ $0 <= now }) ?? false {
            kill(exec)
            forgetCheck(exec)
        }
    }

    /// No daemon asks for the end of a check.
    private func forgetCheck(_ exec: ExecSlot) {
        guard exec.isCheck, exec.keeper == nil, exec.killAt == nil else { return }
        execs.removeAll { $0 === exec }
    }

    /// A daemon may never come back, so only so many ends are kept.
    private func forgetOldest() {
        let ended = execs.filter { $0.keeper == nil && $0.end != nil && !$0.isCheck }
        guard ended.count > WireExecReport.most, let oldest = ended.first else { return }
        execs.removeAll { $0 === oldest }
    }

    /// The keeper has been reaped.
    func keeperEnded(_ exec: ExecSlot) {
        exec.keeper = nil
        exec.control = nil
        exec.keeperKillAt = nil
        isMemoryDue = true
        readEnd(of: exec)
        forgetOldest()
        if exec.isCheck {
            forgetCheck(exec)
            checkEnded(exec)
        }
        goOn(afterExecOf: exec.task)
    }

    /// Continues what has waited for the end of an exec or of a check's program.
    func goOn(afterExecOf task: TaskSlot) {
        advanceStop(task)
        let waiting = task.removals
        task.removals = []
        for id in waiting { remove(task.name, id: id) }
        goOnWithRemovals()
    }

    func hasExecs(_ slot: TaskSlot) -> Bool {
        execs.contains { $0.task === slot && $0.keeper != nil }
            || checkRuns.contains { $0.task === slot }
    }

    /// The task has ended, and its processes with it: asks its keepers to end. Returns what its
    /// stop waits for; `nil` if neither a keeper nor the start of a check's program is left.
    func endExecs(of slot: TaskSlot) -> String? {
        var waiting: String?
        for exec in execs where exec.task === slot {
            guard let keeper = exec.keeper else { continue }
            exec.control = nil
            waiting = "an exec's keeper has not ended: pid \(keeper)"
        }
        if let run = checkRuns.first(where: { $0.task === slot }) {
            waiting = "the program of a check has not ended: \(run.place)"
        }
        return waiting
    }
}
