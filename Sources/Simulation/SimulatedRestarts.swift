// Restarts of a simulated shim's tasks, as in the real shim's RestartVerbs.swift.

import EventLoop
import Host
import Kernel
import ShimProtocol

struct SimulatedRestarts {
    private(set) var policy: WireRestart
    var isOver = false
    var isRestart = false
    /// The present attempt was ended because the task is unhealthy.
    var isUnhealthy = false
    var lastProcess: ProcessIdentity?
    var pause: Int64?
    /// When the next attempt is due: the machine's time, and the wall clock's.
    var due: Int64?
    var dueWall: Int64?
    /// The requests to start the task now.
    var starters: [(UInt32, SimulatedShimClient?)] = []

    init(policy: WireRestart) { self.policy = policy }

    mutating func change(to new: WireRestart) {
        if new.initial != policy.initial || new.longest != policy.longest { pause = nil }
        policy = WireRestart(
            policy: new.policy, maxRetries: new.maxRetries, initial: new.initial,
            longest: new.longest, firstAttempt: policy.firstAttempt)
    }
}

/// One attempt of a task.
package struct SimulatedAttempt: Hashable, Sendable {
    /// The task's uid.
    package let task: String
    package let number: UInt32

    package init(task: String, number: UInt32) {
        self.task = task
        self.number = number
    }
}

extension SimulatedShim {
    func setRestart(_ task: SimulatedTask, _ policy: WireRestart, _ id: UInt32) {
        if task.process == nil, task.job != .create, task.restarts?.lastProcess == nil {
            task.restarts = SimulatedRestarts(policy: policy)
            task.attempt = policy.firstAttempt
        } else if task.restarts?.isOver ?? false {
            task.restarts?.isOver = false
            if let exit = task.exit { plan(after: exit, of: task) }
        }
        reply(id, .done)
    }

    func attempts(_ name: String, _ since: UInt32, _ id: UInt32) {
        guard let task = tasks[name], let restarts = task.restarts else {
            return reply(id, .attempts(WireAttempts(exits: [], attempt: 0)))
        }
        let records = pod.attemptFiles[name] ?? [:]
        // The daemon has stored the earlier ones.
        pod.attemptFiles[name] = records.filter { $0.key > since }
        let last = task.exit == nil ? task.attempt - 1 : task.attempt
        var exits: [AttemptExit] = []
        for number in (since + 1)..<(max(since, last) + 1) where exits.count < WireAttempts.most {
            guard number >= restarts.policy.firstAttempt else { continue }
            if case .exit(let exit)? = records[number] {
                exits.append(AttemptExit(attempt: number, exit))
            }
        }
        let isBegun = task.process != nil || task.exit != nil
        var answer = WireAttempts(exits: exits, attempt: isBegun ? task.attempt : last)
        answer.process = task.isAlive ? task.process : nil
        answer.startedAt = task.isAlive && willRun(task) ? EngineClock.wall : nil
        answer.nextStartAt = restarts.dueWall
        reply(id, .attempts(answer))
    }

    func willRun(_ task: SimulatedTask) -> Bool {
        task.startsAtOnce || task.hasStarted || task.restarts?.isRestart ?? false
    }

    /// Stores the exit of the present attempt, and plans the next one.
    func store(_ exit: TaskExit, of task: SimulatedTask) {
        task.exit = exit
        guard task.restarts != nil else {
            pod.exitFiles[task.name] = .exit(exit)
            line?.tell(task.name, exit)
            return
        }
        pod.attemptFiles[task.name, default: [:]][task.attempt] = .exit(exit)
        plan(after: exit, of: task)
    }

    private func plan(after exit: TaskExit, of task: SimulatedTask) {
        guard let restarts = task.restarts else { return }
        let isWanted =
            switch restarts.policy.policy {
            case _ where restarts.isUnhealthy: true
            case .always: true
            case .onFailure: exit.status != .code(0)
            case .unhealthy: false
            }
        let isRoom = restarts.policy.maxRetries.map { task.attempt <= $0 } ?? true
        if isWanted, isRoom, !restarts.isOver, willRun(task) {
            let pause = min(
                restarts.pause.map { $0 * 2 } ?? restarts.policy.initial, restarts.policy.longest)
            task.restarts?.pause = pause
            task.restarts?.due = world.now + pause * 1_000_000
            task.restarts?.dueWall = EngineClock.wall + pause
            world.after(milliseconds: Int(pause)) { [self] in advance(task) }
        }
        line?.tellOfAttempts(task)
    }

    /// Begins the next attempt as soon as nothing is left of the last one.
    private func advance(_ task: SimulatedTask) {
        world.retrying(every: 50) { [self] in
            guard !isDead, let due = task.restarts?.due, due <= world.now else { return true }
            if isStopped || task.job != nil || pod.isOutside && !world.hasParent { return false }
            let left = pod.processes(in: cgroup(task))
            for process in left { pod.kill(process) }
            if !left.isEmpty { return false }
            begin(task)
            return true
        }
    }

    private func begin(_ task: SimulatedTask) {
        pod.cgroups[cgroup(task)] = nil
        task.process = nil
        task.exit = nil
        task.attempt += 1
        pod.attemptFiles[task.name, default: [:]][task.attempt] = .open
        task.job = .create
        task.waiting = task.restarts?.starters ?? []
        task.restarts?.starters = []
        task.restarts?.due = nil
        task.restarts?.isRestart = true
        task.restarts?.isUnhealthy = false
        work { [self] in
            if world.dice.once(in: 25) {
                task.restarts?.dueWall = nil
                let exit = TaskExit(
                    status: .unknown, oomKilled: false, finishedAt: EngineClock.wall)
                store(exit, of: task)
                return end(task, .failed(.runtime, detail: "the runtime said no"))
            }
            task.restarts?.dueWall = nil
            run(task)
            if task.stopsAt != nil, let process = task.process { pod.kill(process.pid) }
            end(task, .done)
            line?.tellOfAttempts(task)
        }
    }

    /// A request to start a task that waits for its next attempt, or is just being started.
    func startsAgain(_ task: SimulatedTask, _ id: UInt32) -> Bool {
        guard let restarts = task.restarts else { return false }
        if restarts.due != nil {
            task.restarts?.starters.append((id, line))
            task.restarts?.due = world.now
            task.restarts?.dueWall = EngineClock.wall
            advance(task)
            return true
        }
        guard restarts.isRestart, task.job == .create else { return false }
        task.waiting.append((id, line))
        return true
    }

    func endRestarts(_ task: SimulatedTask) {
        guard task.restarts != nil else { return }
        task.restarts?.isOver = true
        task.restarts?.due = nil
        task.restarts?.dueWall = nil
        let starters = task.restarts?.starters ?? []
        task.restarts?.starters = []
        for (id, asker) in starters where asker === line {
            reply(id, .failed(.interrupted, detail: "a stop came in between"))
        }
        line?.tellOfAttempts(task)
    }
}
