// setHealth, health: checks a task while an attempt of it runs, also while no daemon runs.
//
// A check is a connection to a port, a request over one, or a program. None of them blocks the
// shim: its loop watches the connection, or what it is told of the program, or the keeper of an
// exec. At the timeout the check has failed. The end of the attempt, a stop and a pause end a check
// under way, and its result does not count.
//
// The daemon is told of each change with the earlier changes that it has not stored. Each request
// for the health names the last change that it has stored, so no change is lost or doubled.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func setHealth(_ task: String, _ health: WireHealth, id: UInt32) {
        let slot = slot(task)
        connection?.asksForHealth = true
        // A daemon repeats the request.
        if !slot.wasLaunched { slot.health = TaskHealth(health) }
        reply(id, .done)
    }

    func health(_ task: String, since: UInt64, id: UInt32) {
        connection?.asksForHealth = true
        slots[task]?.health?.forget(upTo: since)
        let none = WireHealthReport(
            attempt: 0, state: .starting, failures: 0, checkedAt: nil, output: nil, changes: [])
        reply(id, .health(slots[task]?.health?.report ?? none))
    }

    private func tellOfHealth(_ slot: TaskSlot) {
        guard let health = slot.health, connection?.asksForHealth ?? false else { return }
        send(.health(task: slot.name, health.report))
    }

    /// The program of an attempt runs, or is about to.
    func beginHealth(_ slot: TaskSlot) {
        guard let health = slot.health, health.attempt != slot.attempt else { return }
        health.begin(slot.attempt, of: slot.document?.id ?? "", at: SystemClock.sinceBoot)
        tellOfHealth(slot)
    }

    /// The attempt has ended.
    func endHealth(_ slot: TaskSlot) {
        dropCheck(slot)
        slot.health?.end()
    }

    /// Ends the check under way; its result does not count. The keeper of an exec ends it. A keeper
    /// that hangs is killed, because as long as it has not reaped the exec's process, the task's
    /// PID namespace does not end (pid_namespaces(7)).
    func dropCheck(_ slot: TaskSlot) {
        guard let check = slot.health?.check else { return }
        slot.health?.check = nil
        if let number = check.number, check.isWatched { epoll.remove(number) }
        if let run = check.run, !run.isOver { kill(run) }
        guard let exec = check.exec, exec.keeper != nil else { return }
        exec.control = nil
        exec.keeperKillAt = SystemClock.sinceBoot + 2 * Shim.keepersTime
    }

    /// Called when one of the health's times has come.
    func advanceHealth(_ slot: TaskSlot, _ now: Int64) {
        guard let health = slot.health else { return }
        if let check = health.check, check.deadline <= now {
            _ = check.listen()
            checkFailed(slot, check, check.saying(health.lateness))
        }
        guard health.due <= now else { return }
        health.planNext(after: now)
        // A stopped attempt ends, and frozen processes do not answer.
        guard health.check == nil, slot.isAlive, slot.stop == nil, !slot.isFrozen else { return }
        beginCheck(slot, health, now)
    }

    private func beginCheck(_ slot: TaskSlot, _ health: TaskHealth, _ now: Int64) {
        var request: [UInt8] = []
        switch health.settings.check {
        case .tcp, .exec: break
        case .http(_, let path, let host):
            let head =
                "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: staunch\r\n"
                + "Accept: */*\r\nConnection: close\r\n\r\n"
            request = Array(head.utf8)
        }
        let check = HealthCheck(start: now, deadline: now + health.timeout, request: request)
        health.check = check
        do throws(SystemCallFailure) {
            switch health.settings.check {
            case .tcp(let port), .http(let port, _, _):
                check.connection = try LoopbackConnection(to: port, isReset: true)
                advanceConnection(slot, check)
            case .exec: try startProgram(of: check, slot)
            }
        } catch { checkFailed(slot, check, error.description) }
    }

    /// Nanoseconds from the timeout of an exec to the time at which its check has failed, even if
    /// the keeper has not ended. After twice that time, a keeper that was asked to end is killed.
    private static let keepersTime: Int64 = 2_000_000_000

    // MARK: Connections

    /// The descriptor of a check has an event.
    func checkReady(_ number: CInt) {
        if let run = checkRuns.first(where: { $0.number == number }) { return runReady(run) }
        for slot in slots.values {
            guard let check = slot.health?.check, check.number == number else { continue }
            if check.connection != nil { return advanceConnection(slot, check) }
            if !check.listen() {
                epoll.remove(number)
                check.isWatched = false
            }
            return
        }
    }

    /// Goes on as far as possible without waiting. Mostly a connection to the loopback address is
    /// made at once, so that a check of a port needs no epoll.
    private func advanceConnection(_ slot: TaskSlot, _ check: HealthCheck) {
        do throws(SystemCallFailure) {
            if !check.isConnected {
                guard try check.connection?.isMade() ?? false else {
                    return try watch(check, .writable)
                }
                check.isConnected = true
            }
            guard case .http? = slot.health?.settings.check else {
                return checkSucceeded(slot)
            }
            if !check.unsent.isEmpty {
                let count = try check.connection?.socket.write(check.unsent[...]) ?? 0
                check.unsent.removeFirst(count)
                return try watch(check, check.unsent.isEmpty ? .readable : .writable)
            }
            guard let bytes = try check.connection?.socket.read(limit: 2048) else { return }
            if bytes.isEmpty {
                return checkFailed(slot, check, "the connection ended in the response's head")
            }
            check.head.read(bytes)
            headRead(slot, check)
        } catch {
            // A failure of `read` or `write` names only the descriptor.
            let reason = check.isConnected ? "the connection: \(error.errnoText)" : "\(error)"
            checkFailed(slot, check, reason)
        }
    }

    private func headRead(_ slot: TaskSlot, _ check: HealthCheck) {
        switch check.head.outcome {
        case .incomplete: return
        case .status(200..<400): checkSucceeded(slot)
        case .status:
            checkFailed(slot, check, String(decoding: check.head.statusLine, as: UTF8.self))
        case .refused(let reason): checkFailed(slot, check, reason)
        }
    }

    private func watch(
        _ check: HealthCheck, _ interest: Epoll.Interest
    ) throws(SystemCallFailure) {
        guard let number = check.number else { return }
        let tag = Watched.check(number).tag
        if check.isWatched {
            try epoll.modify(number, interest, tag: tag)
        } else {
            try epoll.add(number, interest, tag: tag)
            check.isWatched = true
        }
    }

    // MARK: Programs

    private func startProgram(of check: HealthCheck, _ slot: TaskSlot) throws(SystemCallFailure) {
        guard let process = slot.process, let document = slot.document else { return }
        let exec = execs.first { $0.isCheck && $0.task === slot }.map { "pid \($0.keeper ?? 0)" }
        let run = checkRuns.first { $0.task === slot }?.place
        if let former = exec ?? run {
            return checkFailed(slot, check, "the last check has not ended: \(former)")
        }
        let cgroup = ExecCgroup(
            WireHealth.exec, slot.paths, hierarchies, refusesHybrid: document.refusesHybrid)
        let known = CheckProgram(
            process.pid, bundle: slot.paths.bundle, witnesses: witnesses(of: slot))
        if let program = known.program, cgroup.isKnown {
            try start(program, for: check, slot, process, cgroup)
        } else {
            try startExec(of: check, slot, process, document)
        }
        ignoring("the output is read at the program's end") { () throws(SystemCallFailure) in
            try watch(check, .readable)
        }
    }

    /// The keeper ends the exec at the timeout, and with the task.
    private func startExec(
        of check: HealthCheck, _ slot: TaskSlot, _ process: ProcessIdentity,
        _ document: TaskDocument
    ) throws(SystemCallFailure) {
        guard let user = slot.user, let health = slot.health else { return }
        // The keeper kills the exec at the timeout, and needs a moment for that.
        check.deadline += Shim.keepersTime
        let ends = try SocketPair().release()
        let own = OwnedDescriptor(adopting: ends.one)
        let keepers = OwnedDescriptor(adopting: ends.other)
        let exec = WireExec(
            id: WireHealth.exec, user: "", timeout: health.timeout / 1_000_000, input: .empty)
        check.exec = try keep(
            exec, of: slot, process, document, user, stream: keepers.number, input: -1,
            isCheck: true)
        check.stream = .some(own)
    }

    /// The keeper of a check's exec has ended, so all that it has sent can be read.
    func checkEnded(_ exec: ExecSlot) {
        guard let check = exec.task.health?.check, check.exec === exec, let end = exec.end else {
            return
        }
        checkEnded(exec.task, check, end.outcome, timedOut: end.timedOut)
    }

    /// The program has ended, or was not executed.
    func checkEnded(
        _ slot: TaskSlot, _ check: HealthCheck, _ outcome: WireExecEnd.Outcome, timedOut: Bool
    ) {
        guard let health = slot.health else { return }
        _ = check.listen()
        if outcome == .exited(code: 0), !timedOut { return checkSucceeded(slot) }
        let reason =
            switch outcome {
            case _ where timedOut: health.lateness
            case .exited(let code): "exit code \(code)"
            case .signaled(let signal): "killed by signal \(signal)"
            case .failed(_, let detail): detail
            case .unknown: "the keeper of the exec was killed"
            }
        checkFailed(slot, check, check.saying(reason))
    }

    // MARK: Results

    private func checkSucceeded(_ slot: TaskSlot) {
        dropCheck(slot)
        if slot.health?.sawSuccess() ?? false { tellOfHealth(slot) }
    }

    private func checkFailed(_ slot: TaskSlot, _ check: HealthCheck, _ output: String) {
        dropCheck(slot)
        guard let health = slot.health else { return }
        let end = output.utf8.suffix(WireHealthReport.mostOutput)
        let shown = String(decoding: end, as: UTF8.self)
        if health.sawFailure(since: check.start, shown) { tellOfHealth(slot) }
        if health.state.value == .unhealthy { act(on: slot, health) }
    }

    /// Ends an unhealthy task as a stop does. If its restarts are used up, it runs on.
    private func act(on slot: TaskSlot, _ health: TaskHealth) {
        guard slot.isAlive, slot.stop == nil else { return }
        switch health.settings.onFailure {
        case .none: return
        case .restart:
            guard slot.restarts?.allowsAnother(after: slot.attempt) ?? false else { return }
            slot.restarts?.isUnhealthy = true
        case .stop:
            health.hasStopped = true
            endRestarts(slot)
            callOffUpdate(slot)
        }
        let now = SystemClock.sinceBoot
        let grace = TaskHealth.nanoseconds(health.settings.grace, atLeast: 0)
        slot.stop = StopState(
            ids: [], signal: grace > 0 ? health.settings.signal : nil, killFrom: now + grace,
            nextLook: now)
        advanceStop(slot)
    }
}
