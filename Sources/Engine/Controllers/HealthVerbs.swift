// Gives a shim the health checks of its tasks, and learns what they show.
//
// A change of the health and its event are stored in one transaction, and then the shim may forget
// the change. Whatever message is lost, a later one contains the changes that are not stored. The
// rest of the health is only in memory.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

extension PodController {
    /// Lets the shim check the health of the task. The shim knows of no process that the daemon has
    /// not described, so the daemon writes a check's process before the task exists.
    func setHealth(
        of task: PodTask, in pod: Pod, _ ask: @Loop (ShimRequest) async -> ShimReply?
    ) async throws(Failure) {
        guard let health = task.spec.health else { return }
        if case .exec(let args) = health.check {
            do throws(SystemCallFailure) {
                try host.writeExec(pod, task.spec, ExecSpec(args: args), id: WireHealth.exec)
            } catch { throw Failure(.shimFailed, "\(error)", step: .create(.taskCreate)) }
        }
        let wire = WireHealth(health, of: task)
        let reply = await ask(.setHealth(task: task.spec.name.text, wire))
        guard case .done? = reply else { throw Failure(reply, .taskCreate) }
    }

    /// Asks for the health of a task, of which the shim may have told over an earlier connection.
    func learnHealth(of name: Label, from link: any ShimClient) async {
        while let task = engine.registry.pod(uid)?[task: name], task.spec.health != nil {
            guard await has(.health, link) ?? false else { return }
            let count = healthTold[name]
            let known = task.healthChange?.number ?? 0
            guard case .health(let told)? = await link.ask(.health(task: name.text, since: known))
            else { return }
            // Otherwise a later report has come in between.
            if healthTold[name] == count { return sawHealth(name.text, told) }
        }
    }

    /// The same for all tasks.
    func learnHealth(from link: any ShimClient) async {
        for task in engine.registry.pod(uid)?.tasks ?? [] where task.spec.health != nil {
            await learnHealth(of: task.spec.name, from: link)
        }
    }

    /// The shim tells the health of a task. The changes of an attempt come after its start, which a
    /// daemon may still have to ask for.
    func sawHealth(_ task: String, _ told: WireHealthReport) {
        guard let name = Label(task), let task = engine.registry.pod(uid)?[task: name] else {
            return
        }
        let count = healthTold[name, default: 0] + 1
        healthTold[name] = count
        store(told.changes.filter { $0.attempt <= task.attempt }, of: task.uid, name)
        guard told.attempt > task.attempt, task.isRestarted, let link else {
            return show(told, of: task.uid, name)
        }
        onLoop {
            await self.learnAttempts(of: name, from: link)
            self.store(told.changes, of: task.uid, name)
            if self.healthTold[name] == count { self.show(told, of: task.uid, name) }
        }
    }

    /// Stores changes, each with its event, and lets the shim forget them.
    private func store(_ told: [WireHealthChange], of task: UID, _ name: Label) {
        guard let last = told.last else { return }
        let changes = told.map { told in
            let seen = HealthChange(
                number: told.number, attempt: told.attempt, isHealthy: told.isHealthy)
            return change(of: name, task) { $0.sawHealth(seen) }
        }
        guard !engine.registry.tryUpdate(uid, engine, changes) else {
            link?.tell(.health(task: name.text, since: last.number))
            return
        }
        Loop.shared.reactor.after(milliseconds: 500) { [weak self] in
            onLoop {
                guard let self, let link = self.link else { return }
                await self.learnHealth(of: name, from: link)
            }
        }
    }

    private func show(_ told: WireHealthReport, of task: UID, _ name: Label) {
        // Before the first attempt there is nothing to show.
        guard let shown = TaskHealth(told) else { return }
        engine.registry.showPod(uid, change(of: name, task) { $0.shownHealth = shown })
    }
}

extension WireHealth {
    fileprivate init(_ spec: HealthSpec, of task: PodTask) {
        let check: Check =
            switch spec.check {
            case .exec: .exec
            case .http(let http): .http(port: http.port, path: http.path, host: http.host)
            case .tcp(let port): .tcp(port: port)
            }
        let action: Action =
            switch spec.onFailure {
            case .none: .none
            case .restart: .restart
            case .stop: .stop
            }
        self.init(
            check, interval: spec.interval, timeout: spec.timeout, startPeriod: spec.startPeriod,
            retries: UInt32(clamping: spec.retries), onFailure: action,
            signal: task.spec.stopSignal.number, grace: task.spec.gracePeriod,
            known: task.healthChange?.number ?? 0)
    }
}

extension TaskHealth {
    /// `nil` if no attempt has been started.
    fileprivate init?(_ told: WireHealthReport) {
        guard told.attempt > 0 else { return nil }
        let state: State =
            switch told.state {
            case .starting: .starting
            case .healthy: .healthy
            case .unhealthy: .unhealthy
            }
        self.init(
            state: state, failures: Int64(told.failures),
            checkedAt: told.checkedAt.map { Timestamp(milliseconds: $0) }, output: told.output)
    }
}
