// Execs of a simulated shim, as in the real shim's ExecVerbs.swift.

import EventLoop
import Host
import Kernel
import ShimProtocol

@Loop final class SimulatedExec {
    let id: String
    let task: SimulatedTask
    var end: WireExecEnd?

    init(_ id: String, _ task: SimulatedTask) {
        self.id = id
        self.task = task
    }
}

extension SimulatedShim {
    func exec(_ name: String, _ exec: WireExec, _ id: UInt32) {
        if execs.contains(where: { $0.id == exec.id }) { return reply(id, .done) }
        guard let task = tasks[name], task.isAlive, task.stopsAt == nil else {
            return reply(id, .failed(.notRunning, detail: "the task does not run"))
        }
        let made = SimulatedExec(exec.id, task)
        execs.append(made)
        world.execsRun[exec.id, default: 0] += 1
        reply(id, .done)
        work { [self] in
            let isRefused = world.dice.once(in: 8)
            let code = Int32(world.dice.below(4))
            finish(
                made,
                isRefused
                    ? .failed(.runtime, detail: "the runtime said no") : .exited(code: code))
        }
    }

    /// A stream has no bytes here.
    func attachExec(_ exec: String, _ id: UInt32) {
        let runs = execs.contains { $0.id == exec && $0.end == nil }
        reply(id, runs ? .done : .failed(.notRunning, detail: "the exec has ended"))
    }

    func attach(_ name: String, _ id: UInt32) {
        let runs = tasks[name]?.isAlive ?? false
        reply(id, runs ? .done : .failed(.notRunning, detail: "the task does not run"))
    }

    func endExec(_ exec: String, _ id: UInt32) {
        if let exec = execs.first(where: { $0.id == exec }) { finish(exec, .signaled(1)) }
        reply(id, .done)
    }

    /// The task has ended, and its execs with it.
    func endExecs(of task: SimulatedTask) {
        for exec in execs where exec.task === task { finish(exec, .signaled(9)) }
    }

    private func finish(_ exec: SimulatedExec, _ outcome: WireExecEnd.Outcome) {
        if exec.end != nil { return }
        let now = EngineClock.wall
        let end = WireExecEnd(outcome, startedAt: now, finishedAt: now)
        exec.end = end
        world.execEnds[exec.id] = outcome
        line?.tell(exec.id, end)
    }
}

/// The stream of an exec, which has no output.
final class EmptyExec: ExecSource {
    let passed: [CInt] = []
    func handedOver() {}
    func pull() -> ExecPull { .end }
    func close() {}
}
