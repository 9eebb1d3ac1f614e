// The only writer of one pod: nothing else changes the pod on the machine.
//
// The controller takes operations in the order in which they were accepted. Operations on different
// tasks run in parallel; an operation on the pod runs alone. A delete interrupts what runs before
// it, and owns what the interrupted operation has made.

import EventLoop
import Host
import Kernel
import Metrics
import Model
import ShimProtocol
import Teardown

@Loop final class PodController {
    let uid: UID
    let engine: Engine
    var link: (any ShimClient)?
    var shim: ShimStatus?
    var status = StatusQuestion()
    private(set) var running: [UID: PodOperation] = [:]
    private var blockedSince: [UID: Int64] = [:]
    /// The interruptions of each running operation. The controller tells the shim each only once,
    /// so that repeated requests do not fill the shim's queue.
    private var interruptions: [UID: Set<Interruption>] = [:]
    private var isWatchingBlocked = false
    /// The end of the pod's time after the exit of its tasks; `nil` if a task may run.
    var awaited: AwaitedExpiry?
    /// Whether a helper runs CHECK of the pod's plugins.
    var isCheckRunning = false
    /// How many questions for attempts were asked, and the last one for each task whose answer is
    /// stored.
    var attemptQuestions = 0
    var attemptAnswers: [Label: Int] = [:]
    /// How often the health of each task was told.
    var healthTold: [Label: Int] = [:]
    /// What the shim of this connection can do.
    var capabilities: (link: any ShimClient, found: Set<ShimCapability>)?
    /// The execs whose ends are waited for, by their ids.
    var execs: [String: AwaitedExec] = [:]
    /// Whether a check of the shim's state is in progress.
    var isLookingAfterShim = false
    /// The waits of creates for tasks.
    var taskWaits: [CheckedContinuation<Void, Never>] = []

    init(_ uid: UID, _ engine: Engine) {
        self.uid = uid
        self.engine = engine
    }

    var host: any Host { engine.host }

    /// Starts every operation that can run now.
    func schedule() {
        let open = engine.registry.openOperations(of: uid)
        if open.isEmpty && engine.registry.pod(uid) == nil {
            return engine.controllers.forgetIdle(self)
        }
        var ahead: [PodOperation] = open.filter { running[$0.id] != nil }
        for operation in ahead where operation.grace != running[operation.id]?.grace {
            running[operation.id] = operation
            interrupt(operation, for: operation)
        }
        for operation in open where running[operation.id] == nil {
            let blocking = ahead.filter { $0.excludes(operation) }
            ahead.append(operation)
            if blocking.isEmpty {
                begin(operation)
                continue
            }
            if operation.kind.isDelete {
                for other in blocking { interrupt(other, for: operation) }
            }
            blockedSince[operation.id] = blockedSince[operation.id] ?? EngineClock.sinceBoot
        }
        for operation in open where running[operation.id] != nil && operation.state == .canceling {
            interrupt(operation, for: operation)
        }
        watchBlocked()
        tasksChanged()
    }

    private func begin(_ operation: PodOperation) {
        running[operation.id] = operation
        blockedSince[operation.id] = nil
        engine.metrics.operationsStarted.add(1, operation.kind.rawValue)
        engine.registry.show(operation.id) { $0.stalled = nil }
        engine.log.write(.debug, "operation started", operation.fields)
        onLoop {
            if operation.state == .pending {
                await self.engine.registry.noteStart(operation.id, self.engine)
            }
            await self.run(operation)
            await self.settle(operation)
            self.running[operation.id] = nil
            self.interruptions[operation.id] = nil
            self.lookAfterShimIfUnlinked()
            self.schedule()
        }
    }

    private func run(_ operation: PodOperation) async {
        switch operation.kind {
        case .podCreate: await createPod(operation)
        case .podUpdate: await updatePod(operation)
        case .podStop: await stopPod(operation)
        case .podDelete: await deletePod(operation)
        case .podCleanup: await cleanUpPod(operation)
        case .orphanRemove: await removeOrphan(operation)
        case .taskCreate: await createTask(operation)
        case .taskStart: await startTask(operation)
        case .taskStop: await stopTask(operation)
        case .taskSignal: await signalTask(operation)
        case .taskPause: await freezeTask(operation, isPause: true)
        case .taskResume: await freezeTask(operation, isPause: false)
        case .taskExec: await runExec(operation)
        case .taskUpdate: await updateTask(operation)
        case .taskReopenLog: await reopenLog(operation)
        case .taskDelete: await deleteTask(operation)
        case .networkCreate, .networkDelete: break  // the network's own controller runs them
        }
    }

    /// Ends an operation whose pod or task was gone when its turn came. A stop or a removal has
    /// succeeded, because its result holds already; any other operation fails.
    private func settle(_ operation: PodOperation) async {
        guard let open = engine.registry.openOperation(operation.id) else { return }
        switch open.kind {
        case _ where open.state == .canceling:
            await engine.registry.end(open.id, .canceled, engine) { _, _ in }
        case .podStop, .podDelete, .podCleanup, .orphanRemove, .taskStop, .taskDelete,
            .networkDelete:
            await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        case .podCreate, .podUpdate, .taskCreate, .taskStart, .taskSignal, .taskPause,
            .taskResume, .taskExec, .taskUpdate, .taskReopenLog, .networkCreate:
            let isPodGone = engine.registry.pod(uid) == nil
            let failure =
                isPodGone
                ? Failure(.podUnknown, "the pod was gone by then")
                : Failure(.taskUnknown, "the task was gone by then")
            await engine.registry.end(operation.id, .failed, error: failure, engine) { _, _ in }
        }
        if engine.registry.pod(uid) == nil { engine.controllers.forget(uid) }
    }

    /// Ends what a running operation waits for in its tasks: a create at once, a stop within the
    /// newcomer's grace. Only the delete of the pod interrupts a create of the pod.
    private func interrupt(_ operation: PodOperation, for newcomer: PodOperation) {
        if operation.kind == .podCreate && newcomer.target.task != nil { return }
        engine.gate.callOff(operation.id, of: uid)
        if operation.kind == .podCreate, engine.registry.pod(uid)?.spec.network.cni != nil {
            // `CancelWatch` kills a plugin that starts just now.
            ignoring("the watch tries again") { () throws(SystemCallFailure) in
                try host.kill(layoutOfPlugins)
            }
        }
        guard let pod = engine.registry.pod(uid), let link else { return }
        let interruption = Interruption(
            newcomer: newcomer.id, grace: newcomer.grace, link: ObjectIdentifier(link))
        guard interruptions[operation.id, default: []].insert(interruption).inserted else { return }
        if operation.kind == .taskExec { return endExec(operation) }
        let only = newcomer.target.task ?? operation.target.task
        for task in pod.tasks where only == nil || only == task.spec.name {
            let grace =
                operation.kind.isCreate ? 0 : newcomer.grace ?? task.spec.gracePeriod
            link.tell(
                .stop(
                    task: task.spec.name.text, signal: task.spec.stopSignal.number, grace: grace))
        }
    }

    /// Shows the state of a task's log.
    func sawLog(_ task: String, _ state: LogState) {
        guard let name = Label(task) else { return }
        engine.registry.showPod(uid) { $0[task: name]?.log = state }
        if state.isComplete { engine.logFollowers.look(engine) }
    }

    /// Stores the end of a task's first process, which the shim has stored already. Returns `false`
    /// if the store does not accept it now; the registry then tries again. The exits of a task with
    /// restarts are asked for.
    @discardableResult
    func sawExit(_ task: String, _ exit: TaskExit) -> Bool {
        guard let name = Label(task) else { return true }
        defer { tasksChanged() }
        return engine.registry.update(uid, engine) { pod in
            guard var seen = pod[task: name], !seen.isRestarted, seen.sawExit(exit, of: 1) else {
                return
            }
            pod[task: name] = seen
        }
    }
}

extension PodController {
    /// Called after each change of the pod that a wait for its tasks may be for.
    func tasksChanged() {
        resumeWaits()
        watchExpiry()
    }
}

// MARK: - Blocked operations

extension PodController {
    /// Checks once a second what a blocked operation waits for, until each has begun.
    private func watchBlocked() {
        guard !blockedSince.isEmpty, !isWatchingBlocked else { return }
        isWatchingBlocked = true
        Loop.shared.reactor.after(milliseconds: 1000) { [weak self] in
            onLoop { self?.lookAtBlocked() }
        }
    }

    private func lookAtBlocked() {
        isWatchingBlocked = false
        let open = engine.registry.openOperations(of: uid)
        for (id, since) in blockedSince {
            guard let blocked = open.first(where: { $0.id == id }) else {
                blockedSince[id] = nil
                continue
            }
            let waited = (EngineClock.sinceBoot - since) / 1_000_000
            guard waited >= OperationJournal.stallsAfter else { continue }
            let ahead = open.first { $0.order < blocked.order && $0.excludes(blocked) }
            guard let ahead else { continue }
            let reason = ahead.stalled.map { ": \($0.why)" } ?? ""
            let stall = PodOperation.Stall(
                since: Timestamp(milliseconds: EngineClock.wall - waited),
                step: ahead.currentStep ?? .removal(.verify),
                why: "behind \(ahead.kind.rawValue) \(ahead.id)\(reason)")
            engine.registry.show(id) { $0.stalled = stall }
        }
        watchBlocked()
    }
}

extension OperationKind {
    /// Whether it waits for no other operation of its task, and none waits for it. Each one also
    /// does its work anew, so none joins another.
    var isBesideOthers: Bool {
        [.taskSignal, .taskExec, .taskReopenLog].contains(self)
    }
}

extension PodOperation {
    /// Whether a later operation has to wait for this operation.
    func excludes(_ later: PodOperation) -> Bool {
        if kind.isBesideOthers || later.kind.isBesideOthers { return false }
        guard let task = target.task, let other = later.target.task else { return true }
        return task == other
    }

    var fields: KeyValuePairs<StaticString, String> {
        [
            "operation": "\(id)", "kind": kind.rawValue, "pod": target.owner.name,
            "uid": "\(target.owner.uid)",
        ]
    }
}

/// One interruption of a running operation. It is sent again only over a new connection to the
/// shim.
private struct Interruption: Hashable {
    let newcomer: UID
    let grace: Int64?
    let link: ObjectIdentifier
}
