// The health of a simulated shim's tasks: it changes at random times, as in the real shim's
// HealthVerbs.swift.

import EventLoop
import Kernel
import ShimProtocol

struct SimulatedHealth {
    let settings: WireHealth
    var attempt: UInt32 = 0
    var state = WireHealthState.starting
    var changes: [WireHealthChange] = []
    var lastChange: UInt64

    init(_ settings: WireHealth) {
        self.settings = settings
        lastChange = settings.known
    }

    mutating func change(to isHealthy: Bool) {
        state = isHealthy ? .healthy : .unhealthy
        lastChange += 1
        changes.append(
            WireHealthChange(number: lastChange, attempt: attempt, isHealthy: isHealthy))
    }
}

extension SimulatedTask {
    var healthReport: WireHealthReport {
        WireHealthReport(
            attempt: health?.attempt ?? 0, state: health?.state ?? .starting, failures: 0,
            checkedAt: nil, output: nil, changes: health?.changes ?? [])
    }
}

extension SimulatedShim {
    func setHealth(_ task: SimulatedTask, _ settings: WireHealth, _ id: UInt32) {
        if task.process == nil, task.job != .create, task.restarts?.lastProcess == nil {
            task.health = SimulatedHealth(settings)
        }
        reply(id, .done)
    }

    func health(_ name: String, _ since: UInt64, _ id: UInt32) {
        tasks[name]?.health?.changes.removeAll { $0.number <= since }
        reply(id, .health((tasks[name] ?? SimulatedTask(name)).healthReport))
    }

    /// An attempt runs: its health changes until it ends.
    func beginHealth(_ task: SimulatedTask) {
        guard task.health != nil, let process = task.process else { return }
        task.health?.attempt = task.attempt
        task.health?.state = .starting
        line?.tellOfHealth(task)
        changeHealth(of: task, process)
    }

    private func changeHealth(of task: SimulatedTask, _ process: ProcessIdentity) {
        world.after(milliseconds: world.dice.below(4000)) { [self] in
            world.retrying(every: 100) { [self] in
                guard !isDead, tasks[task.name] === task, task.process == process, task.isAlive,
                    task.stopsAt == nil
                else { return true }
                if isStopped { return false }
                let isHealthy = task.health?.state != .healthy
                task.health?.change(to: isHealthy)
                line?.tellOfHealth(task)
                if task.health?.state == .unhealthy { act(on: task, process) }
                changeHealth(of: task, process)
                return true
            }
        }
    }

    private func act(on task: SimulatedTask, _ process: ProcessIdentity) {
        switch task.health?.settings.onFailure {
        case .restart?:
            guard let restarts = task.restarts, !restarts.isOver,
                restarts.policy.maxRetries.map({ task.attempt <= $0 }) ?? true
            else { return }
            task.restarts?.isUnhealthy = true
            pod.kill(process.pid)
        case .stop?:
            endRestarts(task)
            pod.kill(process.pid)
        case .some(.none), nil: break
        }
    }
}
