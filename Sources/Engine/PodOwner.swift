// The serial owner of one pod: nobody else changes it on the machine.
//
// Operations are taken in the order in which they were accepted. Those on different tasks run side
// by side; one on the pod runs alone. A delete interrupts what runs before it, and owns what that
// had made.

import Documents
import Linux
import Metrics
import Model
import ShimWire
import Teardown

@Loop final class PodOwner {
    let uid: UID
    let engine: Engine
    var link: ShimLink?
    var shim: ShimStatus?
    private var running: [UID: PodOperation] = [:]
    /// Whether the shim was asked how it does, and has not answered yet.
    var isAskingStatus = false
    /// The pod's pieces are being put away because its shim died.
    private var isClearing = false

    init(_ uid: UID, _ engine: Engine) {
        self.uid = uid
        self.engine = engine
    }

    /// Starts whatever can run now.
    func pump() {
        if isClearing { return }
        let open = engine.registry.openOperations(of: uid)
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
            } else if operation.kind.isDelete {
                for other in blocking { interrupt(other, for: operation) }
            }
        }
        for operation in open where running[operation.id] != nil && operation.state == .canceling {
            interrupt(operation, for: operation)
        }
    }

    private func begin(_ operation: PodOperation) {
        running[operation.id] = operation
        engine.metrics.operationsStarted.add(1, operation.kind.rawValue)
        if operation.state == .pending {
            engine.registry.show(operation.id) { $0.state = .running }
        }
        engine.log.write(.debug, "operation started", operation.fields)
        onLoop {
            await self.run(operation)
            await self.settle(operation)
            self.running[operation.id] = nil
            self.pump()
        }
    }

    private func run(_ operation: PodOperation) async {
        switch operation.kind {
        case .podCreate: await createPod(operation)
        case .podUpdate: await updatePod(operation)
        case .podStop: await stopPod(operation)
        case .podDelete: await deletePod(operation)
        case .taskCreate: await createTask(operation)
        case .taskStart: await startTask(operation)
        case .taskStop: await stopTask(operation)
        case .taskSignal: await signalTask(operation)
        case .taskDelete: await deleteTask(operation)
        }
    }

    /// Ends an operation whose pod or task was gone when its turn came: what was to be ended or
    /// removed has been, and the rest cannot be done any more.
    private func settle(_ operation: PodOperation) async {
        guard engine.registry.openOperation(operation.id) != nil else { return }
        switch operation.kind {
        case .podStop, .podDelete, .taskStop, .taskDelete:
            await engine.registry.end(operation.id, .succeeded, engine) { _, _ in }
        case .podCreate, .podUpdate, .taskCreate, .taskStart, .taskSignal:
            let isPodGone = engine.registry.pod(uid) == nil
            let failure =
                isPodGone
                ? Failure(.podUnknown, "the pod was gone by then")
                : Failure(.taskUnknown, "the task was gone by then")
            await engine.registry.end(operation.id, .failed, error: failure, engine) { _, _ in }
        }
        if engine.registry.pod(uid) == nil { engine.owners.forget(uid) }
    }

    /// Ends what a running operation waits for in its tasks: a create at once, a stop within the
    /// newcomer's grace. A create of the pod gives way to nothing but the pod's delete.
    private func interrupt(_ operation: PodOperation, for newcomer: PodOperation) {
        guard let pod = engine.registry.pod(uid), let link else { return }
        if operation.kind == .podCreate && newcomer.target.task != nil { return }
        let only = newcomer.target.task ?? operation.target.task
        for task in pod.tasks where only == nil || only == task.spec.name {
            let grace =
                operation.kind.isCreate ? 0 : newcomer.grace ?? task.spec.gracePeriod
            link.tell(
                .stop(
                    task: task.spec.name.text, signal: task.spec.stopSignal.number, grace: grace))
        }
    }

    /// A task's first process has ended; its shim has stored that, and now we do.
    func sawExit(_ task: String, _ exit: WireExit) {
        guard let name = Label(task) else { return }
        let exit = TaskExit(exit)
        engine.registry.update(uid, engine) { pod in
            guard var seen = pod[task: name], seen.state.sawExit(exit) else { return }
            pod[task: name] = seen
        }
    }

    /// The shim hung up. Unless it was asked to, it has died: only its lock says so.
    func lostLink() {
        link = nil
        if running.values.contains(where: { $0.kind == .podDelete || $0.kind == .podCreate }) {
            return  // whoever runs finds out with its next request
        }
        onLoop { await self.lookAfterShim() }
    }

    /// At the daemon's start: the shim is found, or its loss is.
    func adopt(_ pod: Pod) {
        shim = pod.shim
        guard pod.state != .creating && pod.state != .deleting else { return }
        if pod.state == .lost {
            // It may have been killed half-way through putting the pieces away.
            isClearing = true
            onLoop { await self.clearLost(pod) }
            return
        }
        onLoop { await self.lookAfterShim() }
    }

    private func lookAfterShim() async {
        guard let pod = engine.registry.pod(uid), pod.state != .deleting, pod.state != .lost else {
            return
        }
        do throws(SystemCallFailure) {
            if let link = try connectIfAlive() { return await learn(from: link) }
        } catch {
            // It cannot be reached, and that is not "gone": asked again later.
            engine.log.write(
                .warning, "shim not reached", ["pod": pod.name.text, "error": "\(error)"])
            await Loop.shared.reactor.pause(milliseconds: 1000)
            return await lookAfterShim()
        }
        await clearLost(pod)
    }

    private func learn(from link: ShimLink) async {
        guard case .status(let report)? = await link.ask(.status) else { return }
        engine.metrics.podsAdopted.add()
        for task in report.tasks { if let exit = task.exit { sawExit(task.name, exit) } }
    }

    /// What a dead shim held is put away without being asked; the record waits for the client.
    private func clearLost(_ pod: Pod) async {
        engine.log.write(.error, "shim lost", ["pod": pod.name.text, "uid": "\(uid)"])
        isClearing = true
        for task in pod.tasks {
            if let exit = storedExit(task.spec.name) { sawExit(task.spec.name.text, exit) }
        }
        engine.registry.update(uid, engine) { pod in
            guard pod.state != .deleting else { return }
            pod.state = .lost
            pod.shim = nil
            for index in pod.tasks.indices {
                let exit = TaskExit(
                    status: .unknown, oomKilled: false,
                    finishedAt: Timestamp(milliseconds: SystemClock.wall))
                _ = pod.tasks[index].state.sawExit(exit)
            }
        }
        let journal = OperationJournal(engine, operation: nil, owner: self)
        let machine = PodMachine(self, grace: { _ in 0 }, keepsLogs: true)
        _ = await Teardown(machine: machine, journal: journal).run(
            pod: uid, tasks: pod.tasks.map(\.spec.name))
        isClearing = false
        pump()
    }

    private func storedExit(_ task: Label) -> WireExit? {
        do {
            let path = engine.layout.bundle(uid, task) + "/exit"
            return try WireExit.parse(fileContent: try Files.read(path, limit: WireExit.fileSize))
        } catch { return nil }
    }
}

extension PodOperation {
    /// Whether a later one has to wait for this one.
    fileprivate func excludes(_ later: PodOperation) -> Bool {
        if kind == .taskSignal || later.kind == .taskSignal { return false }
        guard let task = target.task, let other = later.target.task else { return true }
        return task == other
    }

    var fields: KeyValuePairs<StaticString, String> {
        [
            "operation": "\(id)", "kind": kind.rawValue, "pod": target.pod.text,
            "uid": "\(target.podUID)",
        ]
    }
}

extension TaskExit {
    init(_ exit: WireExit) {
        let status: Status =
            if let code = exit.code {
                .code(code)
            } else if let signal = exit.signal.flatMap({ Signal(number: Int($0)) }) {
                .signal(signal)
            } else {
                .unknown
            }
        self.init(
            status: status, oomKilled: exit.oomKilled,
            finishedAt: Timestamp(milliseconds: exit.finishedAt))
    }
}
