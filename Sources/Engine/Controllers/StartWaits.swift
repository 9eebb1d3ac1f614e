// The order in which a create makes its tasks, and its waits for an init task's end or for the
// tasks after which a task starts.
//
// A wait goes by the records alone, so a daemon that resumes a create goes on where the last one
// was. It ends when the create is called off. It counts as stalled only if the shim is stopped:
// otherwise the client's own program is at work.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

extension PodController {
    /// Makes the tasks in their order. An init task has ended with 0 before the next task is made.
    func makeTasks(
        of pod: Pod, _ link: any ShimClient, _ operation: PodOperation
    ) async throws(Failure) {
        for spec in pod.tasks.map(\.spec).startOrder {
            guard let task = engine.registry.pod(uid)?[task: spec.name] else { continue }
            // It may have ended with 0, and its new process would be its second.
            if spec.isInit, case .deleting = task.state { throw initFailure(task, nil) }
            if task.isOver {
                noteMade(task, operation)
            } else {
                // The shim may have hung up during a wait.
                try await make(task, of: pod, self.link ?? link, operation)
            }
            if spec.isInit { try await awaitEnd(of: spec.name, operation) }
        }
    }

    /// An earlier daemon has made the task, and nothing of it has to be made again.
    private func noteMade(_ task: PodTask, _ operation: PodOperation) {
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        for step in OperationStep.making(task.spec) {
            journal.ended(ShownStep(step.name, step.object), skipped: false)
        }
    }

    /// Waits until an init task has ended with 0. Its shim restarts it as its policy says.
    private func awaitEnd(of name: Label, _ operation: PodOperation) async throws(Failure) {
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let step = ShownStep(.create(.taskWait), name)
        var asked = link
        do throws(Failure) {
            while true {
                try await lookForShim(&asked)
                try checkGoing(operation)
                guard let task = engine.registry.pod(uid)?[task: name] else {
                    throw Failure(.taskUnknown, "the init task '\(name)' is gone")
                }
                switch task.startProgress {
                case .reached: return journal.ended(step, skipped: false)
                case .missed(let exit):
                    if await isFinal(task) { throw initFailure(task, exit) }
                case .ahead: show(step, of: task, journal)
                }
                await nextTaskChange()
            }
        } catch {
            journal.failed(step, error.detail)
            throw error
        }
    }

    /// Shows what the step waits for. A stopped shim tells no exit, so the step is then stalled.
    private func show(_ step: ShownStep, of task: PodTask, _ journal: OperationJournal) {
        guard let shim, host.isStopped(shim.process) else {
            return journal.awaits(step, task.wordsForWait)
        }
        journal.isBlocked(
            step, by: Blocker("the shim is stopped: \(host.place(of: shim.process.pid))"))
    }

    /// Whether no attempt of a task follows its last exit. One answer of the shim does not contain
    /// all exits, so the shim is asked once more.
    private func isFinal(_ task: PodTask) async -> Bool {
        guard task.isRestarted else { return true }
        guard let link, await learnAttempts(of: task.spec.name, from: link) else { return false }
        return engine.registry.pod(uid)?[task: task.spec.name]?.startProgress == task.startProgress
    }

    private func initFailure(_ task: PodTask, _ exit: TaskExit?) -> Failure {
        let end = exit.map { "ended with \($0.words)" } ?? "is being deleted"
        let attempts = task.restarts > 0 ? " in attempt \(task.attempt)" : ""
        return Failure(
            .initTaskFailed, "the init task '\(task.spec.name)' \(end)\(attempts)",
            step: .create(.taskWait))
    }

    /// Throws if the shim has died. Over a new connection, asks for the exits that were told over
    /// an earlier one. `asked` is the connection of the last question.
    private func lookForShim(_ asked: inout (any ShimClient)?) async throws(Failure) {
        let found: (any ShimClient)?
        do throws(SystemCallFailure) { found = try connectIfAlive() } catch {
            // A shim that cannot be reached is not gone: the next look asks again.
            return
        }
        guard let link = found else {
            throw Failure(.shimFailed, "the shim has died", step: .create(.taskWait))
        }
        if link === asked { return }
        guard case .status(let report)? = await link.ask(.status) else { return }
        learn(report.tasks)
        asked = link
    }

    /// Waits until each task in the `after` of a new task runs or has run, or has ended with 0 if
    /// it is an init task. All of them are older, so none waits for this one.
    func awaitTasks(before spec: TaskSpec, _ operation: PodOperation) async throws(Failure) {
        guard !spec.after.isEmpty else { return }
        let journal = OperationJournal(engine, operation: operation.id, controller: self)
        let step = ShownStep(.create(.taskWait), spec.name)
        do throws(Failure) {
            while let reason = try waitReason(of: spec) {
                journal.awaits(step, reason)
                await nextTaskChange()
                try checkGoing(operation)
            }
            journal.ended(step, skipped: false)
        } catch {
            journal.failed(step, error.detail)
            throw error
        }
    }

    /// Why the task cannot start yet; `nil` if it can. Throws if it never will.
    private func waitReason(of spec: TaskSpec) throws(Failure) -> String? {
        let pod = engine.registry.pod(uid)
        var reason: String?
        for name in spec.after {
            let other = pod?[task: name]
            switch other?.startProgress {
            case .reached?: break
            case .ahead?: reason = reason ?? other?.wordsForWait
            case .missed(let exit)?:
                let end = exit.map { "ended with \($0.words)" } ?? "is being deleted"
                throw failure(of: name, end)
            case nil: throw failure(of: name, "is gone")
            }
        }
        return reason
    }

    private func failure(of name: Label, _ end: String) -> Failure {
        Failure(
            .taskState, "task '\(name)', after which it is to start, \(end)",
            step: .create(.taskWait))
    }

    /// Returns after the next change that a wait may be for. If a message was lost, or the store
    /// was full, returns after a second.
    private func nextTaskChange() async {
        Loop.shared.reactor.after(milliseconds: 1000) { [weak self] in
            onLoop { self?.resumeWaits() }
        }
        await withCheckedContinuation { taskWaits.append($0) }
    }

    /// Lets each wait look again.
    func resumeWaits() {
        let waits = taskWaits
        taskWaits = []
        for wait in waits { wait.resume() }
    }
}

extension PodTask {
    /// Whether an init task has ended, and no shim makes another attempt.
    fileprivate var isOver: Bool {
        guard spec.isInit, case .exited(let exit) = state else { return false }
        return exit.status == .code(0) || !isRestarted
    }

    /// What another task waits for, if this task has still to start or to end.
    fileprivate var wordsForWait: String {
        let name = "task '\(spec.name)'"
        let attempt = restarts > 0 ? ", attempt \(attempt)" : ""
        switch state {
        case .creating: return "\(name) is being made"
        case .created: return "\(name) has not been started"
        case .running(let process): return "\(name) runs: pid \(process.pid)\(attempt)"
        case .paused(let process): return "\(name) is paused: pid \(process.pid)\(attempt)"
        case .exited(let exit):
            let reason = nextStart?.waitsFor.map { ": \($0)" } ?? ""
            return "\(name) ended with \(exit.words)\(attempt) and will be restarted\(reason)"
        case .deleting: return "\(name) is being deleted"
        }
    }
}

extension TaskExit {
    /// The exit, for display.
    fileprivate var words: String {
        let end: String
        switch status {
        case .code(let code): end = "exit code \(code)"
        case .signal(let number): end = "signal \(TaskExit.name(of: number))"
        case .neverRan(let number?):
            end = "signal \(TaskExit.name(of: number)) before its program ran"
        case .neverRan(nil): end = "no run of its program"
        case .unknown: end = "an exit that no shim saw"
        }
        return end + (oomKilled ? ", for lack of memory" : "")
    }

    private static func name(of signal: Int32) -> String {
        Signal(number: Int(signal))?.description ?? "\(signal)"
    }
}
