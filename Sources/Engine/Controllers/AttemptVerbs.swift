// Learns the attempts of a task that its shim restarts.
//
// The shim only says that there is something to ask for. Each question names the last exit that the
// store has, so the shim may forget that and the earlier ones, and the answer goes on from there.
// So no exit is lost or doubled, whichever message is lost, and a new daemon learns all with its
// first questions.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

extension PodController {
    /// Asks until the shim has no exit that is not stored. Returns `false` if the shim hung up.
    @discardableResult
    func learnAttempts(of name: Label, from link: any ShimClient) async -> Bool {
        while let task = engine.registry.pod(uid)?[task: name], task.isRestarted {
            guard let canRestart = await has(.restarts, link) else { return false }
            // It has made no attempt of such a task.
            guard canRestart else { return true }
            attemptQuestions += 1
            let question = attemptQuestions
            let known = task.lastExit?.attempt ?? 0
            guard
                case .attempts(let told)? = await link.ask(
                    .attempts(task: name.text, since: known))
            else { return false }
            await store(told, of: task.uid, name, question)
            if told.exits.isEmpty { return true }
        }
        return true
    }

    /// The same for all tasks.
    func learnAttempts(from link: any ShimClient) async {
        for task in engine.registry.pod(uid)?.tasks ?? [] where task.isRestarted {
            await learnAttempts(of: task.spec.name, from: link)
        }
    }

    /// The shim says that there is something to ask for.
    func attemptsChanged(_ task: String) {
        guard let name = Label(task), let link else { return }
        onLoop { await self.learnAttempts(of: name, from: link) }
    }

    /// Stores the exits and their events in one transaction, unless a later answer is stored, which
    /// contains them.
    private func store(
        _ told: WireAttempts, of task: UID, _ name: Label, _ question: Int
    ) async {
        let changes = told.changes.map { change in self.change(of: name, task, change) }
        while attemptAnswers[name, default: 0] < question {
            let isStored = engine.registry.tryUpdate(uid, engine, changes)
            if isStored {
                attemptAnswers[name] = question
                return tasksChanged()
            }
            await Loop.shared.reactor.pause(milliseconds: 500)
        }
    }

    /// Stores the exits that a dead shim has stored. Returns `false` if the store does not accept
    /// them now.
    func storeFormerAttempts(of name: Label) throws(SystemCallFailure) -> Bool {
        while let task = engine.registry.pod(uid)?[task: name] {
            let known = task.lastExit?.attempt ?? 0
            let found = try host.attempts(uid, name, after: known)
            let isLast = found.count < AttemptSight.most
            var changes = found.map { record in
                change(of: name, task.uid) { $0.saw(record) }
            }
            if isLast { changes.append(change(of: name, task.uid) { $0.sawNoMoreRecords() }) }
            let isStored = engine.registry.tryUpdate(uid, engine, changes)
            if !isStored { return false }
            if isLast { return true }
        }
        return true
    }

    /// A change of this incarnation of a task.
    func change(
        of name: Label, _ uid: UID, _ body: @escaping @Sendable (inout PodTask) -> Void
    ) -> @Sendable (inout Pod) -> Void {
        { pod in
            guard var task = pod[task: name], task.uid == uid else { return }
            body(&task)
            pod[task: name] = task
        }
    }

    /// The policy for the shim; `nil` if the task is never restarted.
    func restartPolicy(of task: PodTask, _ wanted: TaskSpec) -> WireRestart? {
        guard wanted.isRestarted else { return nil }
        let spec = wanted.restart
        let policy: WireRestart.Policy
        switch spec.policy {
        case .never: policy = .unhealthy
        case .onFailure: policy = .onFailure
        case .always: policy = .always
        }
        // An earlier shim of the pod may have made attempts.
        return WireRestart(
            policy: policy, maxRetries: spec.maxRetries.map { UInt32(clamping: $0) },
            initial: spec.initialBackoff, longest: spec.maxBackoff,
            firstAttempt: (task.lastExit?.attempt ?? 0) + 1)
    }

    /// Whether the shim is of a version that can do this; `nil` if it hung up.
    func has(_ capability: ShimCapability, _ link: any ShimClient) async -> Bool? {
        if let capabilities, capabilities.link === link {
            return capabilities.found.contains(capability)
        }
        guard case .status(let report)? = await link.ask(.status) else { return nil }
        let found = Set(report.capabilities.compactMap { ShimCapability(rawValue: $0) })
        capabilities = (link, found)
        return found.contains(capability)
    }

    /// Refuses a task that needs something of which a shim of an earlier version knows nothing.
    func checkShim(for task: TaskSpec, _ link: any ShimClient) async throws(Failure) {
        var lack: String?
        if task.isRestarted, await has(.restarts, link) == false {
            lack = "restarts no task"
        } else if task.health != nil, await has(.health, link) == false {
            lack = "checks the health of no task"
        } else if task.hasInput, await has(.attach, link) == false {
            lack = "gives no task an input or a terminal"
        } else if task.log.path != nil, await has(.clientLogs, link) == false {
            lack = "opens no log file of a client's"
        }
        guard let lack else { return }
        throw Failure(
            .shimFailed, "the pod's shim is of an earlier version, and \(lack)",
            step: .create(.rootfsMount))
    }

    /// Gives the task its input or its terminal.
    func setInput(
        of task: TaskSpec, _ ask: @Loop (ShimRequest) async -> ShimReply?
    ) async throws(Failure) {
        guard task.hasInput else { return }
        let input = WireInput(isOpen: task.stdin, isOnce: task.stdinOnce, isTerminal: task.tty)
        let reply = await ask(.setInput(task: task.name.text, input))
        guard case .done? = reply else { throw Failure(reply, .taskCreate) }
    }

    /// Lets the shim restart the task.
    func setRestart(
        of task: PodTask, _ ask: @Loop (ShimRequest) async -> ShimReply?
    ) async throws(Failure) {
        guard let policy = restartPolicy(of: task, task.spec) else { return }
        let reply = await ask(.setRestart(task: task.spec.name.text, policy))
        guard case .done? = reply else { throw Failure(reply, .taskCreate) }
    }
}

extension WireAttempts {
    /// What the answer of a live shim changes: one exit after the other, and then the present.
    fileprivate var changes: [@Sendable (inout PodTask) -> Void] {
        var changes: [@Sendable (inout PodTask) -> Void] = []
        for exit in exits { changes.append { _ = $0.sawExit(exit.exit, of: exit.attempt) } }
        changes.append { $0.saw(self) }
        return changes
    }
}

extension PodTask {
    /// The present, after the exits of the same answer.
    fileprivate mutating func saw(_ told: WireAttempts) {
        // There may be more exits, and then the rest of the answer is ahead of them.
        guard told.exits.count < WireAttempts.most, told.attempt >= attempt else { return }
        if let process = told.process {
            sawAttempt(
                told.attempt, process,
                startedAt: told.startedAt.map { Timestamp(milliseconds: $0) })
        }
        sawNextStart(
            told.nextStartAt.map {
                NextStart(at: Timestamp(milliseconds: $0), waitsFor: told.waiting)
            })
    }

    /// A record of a dead shim. An attempt whose exit is not stored ended unseen. If the daemon has
    /// never seen its process, the first attempt may not have begun.
    fileprivate mutating func saw(_ record: AttemptSight) {
        if let exit = record.exit {
            _ = sawExit(exit, of: record.attempt)
        } else if state != .creating || !exits.isEmpty {
            _ = sawExit(.unseen, of: record.attempt)
        }
    }

    /// No shim will restart the task. The exit of a process without a record is unseen.
    fileprivate mutating func sawNoMoreRecords() {
        if state.process != nil { _ = sawExit(.unseen, of: attempt) }
        nextStart = nil
    }
}

extension TaskSpec {
    /// The shim has to be told of it.
    fileprivate var hasInput: Bool { stdin || tty }
}
