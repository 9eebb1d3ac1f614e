// Checks the laws (LAWS.md) against what the history sees.

import Engine
import EventLoop
import Kernel
import Model
import ShimProtocol
import Simulation
import Store

@Loop final class Ledger {
    private let world: World
    private let disk: SimulatedDisk
    private let stage: Stage
    /// The operations as they were last seen, by id.
    private var operations: [UID: PodOperation] = [:]
    /// The ids of the operations that are no longer kept.
    private var forgotten: Set<UID> = []
    /// The first exit seen of each attempt of an incarnation of a task, the last attempt with an
    /// exit, and the task's process.
    private var exits: [SimulatedAttempt: TaskExit] = [:]
    private var lastExits: [UID: AttemptExit] = [:]
    private var processes: [UID: Int32] = [:]
    private var pods: [Label: [UID]] = [:]
    private var lastEngine: Engine?
    var shimKilled: Set<UID> = []
    var planted: Set<UID> = []
    /// The pods that were once seen ready, and the pods that a client has asked to delete.
    private var up: Set<UID> = []
    private var deletable: Set<UID> = []
    /// The pods that the daemon deletes after the exit of their tasks.
    private var expiring: Set<UID> = []
    /// The last pod that was made, and the daemon that certainly made it.
    private var lastMade: (uid: UID, by: Engine)?

    init(_ world: World, _ disk: SimulatedDisk, _ stage: Stage) {
        self.world = world
        self.disk = disk
        self.stage = stage
    }

    /// The operations that were accepted and have not been seen to end.
    var open: [UID] {
        operations.values.filter { !$0.state.hasEnded && !forgotten.contains($0.id) }
            .map(\.id).sorted()
    }

    /// The planted orphans that still exist.
    var orphans: [UID] {
        planted.filter { world.pods[$0] != nil || world.bridges.contains($0) }.sorted()
    }

    func uids(of name: Label) -> [UID] { pods[name] ?? [] }

    func fail(_ law: String, _ what: String) { stage.end("\(law): \(what)") }

    // MARK: Answers

    /// Notes a request before it is sent: from then on its pod may be deleted, even if the answer
    /// is lost.
    func noteAsked(_ request: Request, _ engine: Engine) {
        noteStop(request, engine)
        guard case .delete(let name, let uid, _) = request else { return }
        if let meant = uid ?? engine.pod(name)?.uid { deletable.insert(meant) }
    }

    /// Notes an answer. `maker` is the only daemon that got the request; `nil` if several may have.
    func note(_ request: Request, _ answer: Result<MutationResult, Refusal>, maker: Engine?) {
        checkMeant(request, answer)
        // If the answer to an operation was lost, this is the first that the client sees of it.
        if case .success(.finished(let ended)) = answer, operations[ended.id] == nil {
            operations[ended.id] = ended
        }
        guard case .success(.operation(let operation)) = answer else { return }
        if operations[operation.id] == nil { operations[operation.id] = operation }
        guard operation.kind == .podCreate else { return }
        guard case .pod(let pod) = operation.target else {
            return fail("S2", "\(operation.id) creates a pod, and names \(operation.target)")
        }
        let (name, uid) = (pod.name, pod.uid)
        guard pods[name]?.contains(uid) != true else { return }
        // S6: a name is reused only when nothing is left of its former pod.
        for former in pods[name] ?? [] where world.pods[former] != nil {
            fail("S6", "\(name) is \(uid), and of \(former) is left \(pieces(former))")
        }
        pods[name, default: []].append(uid)
        // Law 17: a later object has a greater uid, whatever the clock says.
        if let last = lastMade, last.by === maker, uid < last.uid {
            fail("17", "\(uid) is made after \(last.uid)")
        }
        lastMade = maker.map { (uid, $0) }
    }

    /// S3: a delete that names a uid deletes that pod, and never the present pod of that name.
    private func checkMeant(_ request: Request, _ answer: Result<MutationResult, Refusal>) {
        guard case .delete(let name, let uid?, _) = request else { return }
        switch answer {
        case .success(.operation(let found)), .success(.finished(let found)):
            let target = found.target.uid
            if target != uid { fail("S3", "\(name) \(uid) was meant, and \(target) is hit") }
        case .success, .failure: break
        }
    }

    private func pieces(_ uid: UID) -> [String] { world.pods[uid]?.pieces ?? [] }

    // MARK: Looks

    func look(_ engine: Engine?) {
        checkRecorded()
        guard let engine else { return }
        // Ended operations are looked at again for each new daemon, and at the very end.
        let isNew = engine !== lastEngine
        lastEngine = engine
        for (id, before) in operations
        where stage.verdict == nil && (isNew || !before.state.hasEnded) {
            lookAgain(at: id, before, engine)
        }
        let pods = engine.pods().pods
        checkShared(pods)
        for pod in pods {
            for task in pod.tasks { check(task, of: pod.uid) }
            checkReleased(pod)
            checkOrder(pod)
        }
        checkInits()
        checkNeighbours(pods)
    }

    private func lookAgain(at id: UID, _ before: PodOperation, _ engine: Engine) {
        let lookup = engine.operation(id)
        if stage.keeping.forgets {
            switch lookup {
            case .expired: return _ = forgotten.insert(id)
            case .unknown where !stage.keeping.remembers(id): return _ = forgotten.insert(id)
            case .found, .unknown, .unreadable: break
            }
        }
        guard case .found(let now) = lookup, !forgotten.contains(id) else {
            return fail("S4", "operation \(id) was \(before.state), and is now \(lookup)")
        }
        check(before, now)
        if now.kind == .taskExec { checkExec(now) }
        operations[id] = now
    }

    /// An exec runs once at most, and its end is true.
    private func checkExec(_ operation: PodOperation) {
        let runs = world.execsRun["\(operation.id)"] ?? 0
        if runs > 1 { fail("exec", "\(operation.id) ran \(runs) times") }
        guard let exec = operation.exec else { return }
        let truth = world.execEnds["\(operation.id)"]
        let isTrue =
            switch truth {
            case .exited(let code)?: exec.exitCode == code
            case .signaled(let number)?: exec.signal?.number == number
            case .failed?, .unknown?, nil: false
            }
        if !isTrue { fail("exec", "\(operation.id) is \(exec), and was \(truth as Any)") }
    }

    /// S2: a pod that was released keeps nothing but its logs, no address and no port. The delete
    /// of a task has a helper, in a cgroup of the pod, until it ends.
    private func checkReleased(_ pod: Pod) {
        guard pod.isReleased, pod.state == .stopped else { return }
        let isWorkedOn = operations.values.contains { operation in
            guard case .task(let task) = operation.target, !operation.state.hasEnded else {
                return false
            }
            return task.pod.uid == pod.uid && operation.kind == .taskDelete
        }
        let left = pieces(pod.uid).filter {
            $0 != "logs" && !(isWorkedOn && $0.utf8.starts(with: "cgroup ".utf8))
        }
        let networks = pod.interfaces.map(\.name) + pod.attachments.map(\.interface)
        if !left.isEmpty || !networks.isEmpty || pod.shim != nil {
            fail("S2", "\(pod.uid) is released, and has \(left) \(networks)")
        }
    }

    /// Law 18: no two pods have one address of a network, or ports that collide. The kernel has
    /// the same ports.
    private func checkShared(_ pods: [Pod]) {
        var addresses: [String: UID] = [:]
        var ports: [UInt16: UID] = [:]
        for pod in pods where !pod.interfaces.isEmpty {
            for interface in pod.interfaces {
                for address in interface.addresses {
                    let key = "\(interface.networkUID) \(address)"
                    if let other = addresses.updateValue(pod.uid, forKey: key) {
                        fail("18", "\(pod.uid) and \(other) have \(address)")
                    }
                }
            }
            for port in pod.spec.network.bridge?.ports ?? [] {
                if let other = ports.updateValue(pod.uid, forKey: port.hostPort) {
                    fail("18", "\(pod.uid) and \(other) have port \(port.hostPort)")
                }
            }
        }
    }

    /// S3: a ready pod is removed only if a client has asked for it, or after its tasks' exit.
    private func checkNeighbours(_ pods: [Pod]) {
        for uid in up.subtracting(pods.map(\.uid)).subtracting(deletable)
        where !expiring.contains(uid) {
            fail("S3", "no client has asked to delete \(uid), and it is gone")
        }
        expiring.formUnion(pods.filter { $0.spec.ttlAfterExit != nil }.map(\.uid))
        for pod in pods where pod.state == .lost && !shimKilled.contains(pod.uid) {
            fail("S3", "\(pod.uid) is lost, and no fault has killed its shim")
        }
        up.formUnion(pods.filter { $0.state == .ready }.map(\.uid))
    }

    /// S1: every object has a record, or was planted.
    private func checkRecorded() {
        let recorded = Set(disk.podIDs.map { UID(high: $0.high, low: $0.low) })
        for uid in world.pods.keys where !recorded.contains(uid) && !planted.contains(uid) {
            fail("S1", "no record names \(uid): \(pieces(uid))")
        }
        let networks = Set(disk.networkIDs.map { UID(high: $0.high, low: $0.low) })
        for uid in world.bridges where !networks.contains(uid) && !planted.contains(uid) {
            fail("S1", "no record names the bridge of \(uid)")
        }
    }

    /// S4: a state only goes forward, and the end state never changes.
    private func check(_ before: PodOperation, _ now: PodOperation) {
        if before.state.hasEnded {
            if now.state != before.state || now.exits != before.exits {
                fail("S4", "\(now.kind) \(now.id) was \(before.state), and is \(now.state)")
            }
            return
        }
        if rank(now.state) < rank(before.state) {
            fail("S4", "\(now.kind) \(now.id) went from \(before.state) to \(now.state)")
        }
        if now.state.hasEnded && now.supersededBy != nil && now.state != .canceled {
            fail("17", "a delete took over the \(now.kind) \(now.id), and it is \(now.state)")
        }
        if now.state == .succeeded && now.kind == .podDelete { checkDeleted(now) }
        if now.state == .failed && now.kind == .podCreate { checkGone(now) }
        if now.state == .succeeded && now.kind == .networkDelete,
            world.bridges.contains(now.target.uid)
        {
            fail("S2", "\(now.kind) succeeded, and there is the bridge of \(now.target.uid)")
        }
        // Only the daemon's own delete of an unused network can be called off, by a new pod.
        let isOwn = now.kind == .networkDelete && now.requester.command == "staunchd"
        if now.kind.isDelete && !isOwn && (now.state == .failed || now.state == .canceled) {
            fail("Lv1", "a delete is \(now.state)")
        }
    }

    private func rank(_ state: OperationState) -> Int {
        switch state {
        case .pending: 0
        case .running: 1
        case .canceling: 2
        case .succeeded, .failed, .canceled: 3
        }
    }

    /// S2: an ended operation leaves no objects.
    private func checkGone(_ operation: PodOperation) {
        let uid = operation.target.uid
        if world.pods[uid] != nil {
            fail("S2", "\(operation.kind) \(operation.state), and there is \(pieces(uid))")
        }
    }

    private func checkDeleted(_ operation: PodOperation) {
        checkGone(operation)
        // The exit of a task that was deleted alone, or whose create was undone, is in that
        // operation.
        let others = Set(
            operations.values.filter { $0.kind == .taskDelete || $0.kind == .taskCreate }
                .map(\.target.uid))
        // S5: the delete reports the exit of each task that ran, and that of its last attempt.
        for (uid, last) in lastExits
        where taskOwners[uid]?.pod == operation.target.uid && !others.contains(uid) {
            guard let name = taskOwners[uid]?.name, let told = operation.exits[name] else {
                continue
            }
            let isLater = last.exit != told && restarted.contains(uid)
            if isLater ? !isTrue(told, of: uid) : told != last.exit {
                fail("S5", "exit of \(name) was \(last.exit), and is \(told)")
            }
        }
        for (uid, owner) in taskOwners
        where owner.pod == operation.target.uid && processes[uid] != nil && !owner.isDeleted
            && !others.contains(uid)
        {
            if operation.exits[owner.name] == nil {
                fail("S5", "\(owner.name) of \(owner.pod) ran, and its delete tells no exit")
            }
        }
    }

    private var taskOwners: [UID: (pod: UID, name: Label, isDeleted: Bool)] = [:]

    private func check(_ task: PodTask, of pod: UID) {
        // A task that was deleted and made again under its name is another task.
        for (uid, owner) in taskOwners
        where owner.pod == pod && owner.name == task.spec.name && uid != task.uid {
            taskOwners[uid]?.isDeleted = true
        }
        taskOwners[task.uid] = (pod, task.spec.name, false)
        if let process = task.state.process { processes[task.uid] = process.pid }
        if task.isRestarted { restarted.insert(task.uid) }
        checkExits(of: task, pod)
        checkHealth(of: task)
    }

    /// The last change of each task's health.
    private var healthChanges: [UID: HealthChange] = [:]

    /// A change of the health is never forgotten or another one later.
    private func checkHealth(of task: PodTask) {
        let (known, seen) = (healthChanges[task.uid], task.healthChange)
        healthChanges[task.uid] = seen
        guard let known else { return }
        let isLater = seen.map { $0.number > known.number } ?? false
        if !isLater && seen != known {
            let words = seen.map { "\($0)" } ?? "unknown"
            fail("health", "the health of \(task.spec.name) was \(known), and is \(words)")
        }
    }

    /// The tasks that their shim restarts.
    private var restarted: Set<UID> = []

    /// S5: each attempt has one exit, which never changes; none is left out.
    private func checkExits(of task: PodTask, _ pod: UID) {
        let (name, known) = (task.spec.name, lastExits[task.uid]?.attempt ?? 0)
        for (one, next) in zip(task.exits, task.exits.dropFirst())
        where next.attempt != one.attempt + 1 {
            fail("S5", "\(name) has exits \(one.attempt) and \(next.attempt)")
        }
        let last = task.lastExit?.attempt ?? 0
        if last < known { fail("S5", "the exit \(known) of \(name) is lost") }
        if let first = task.exits.first, first.attempt > known + 1,
            task.exits.count < PodTask.exitsKept
        {
            fail("S5", "the exits \(known + 1) to \(first.attempt - 1) of \(name) are lost")
        }
        if task.attempt < last || task.attempt > last + 1 {
            fail("S5", "\(name) is at attempt \(task.attempt) after the exit \(last)")
        }
        if let shown = task.state.exit, shown != task.lastExit?.exit {
            fail("S5", "\(name) shows the exit \(shown), and its last is \(last)")
        }
        for exit in task.exits { check(exit, of: task, pod) }
        lastExits[task.uid] = task.lastExit
    }

    private func check(_ exit: AttemptExit, of task: PodTask, _ pod: UID) {
        let place = SimulatedAttempt(task: "\(task.uid)", number: exit.attempt)
        if let known = exits[place] {
            if known != exit.exit { fail("S5", "an exit was \(known), and is \(exit.exit)") }
            return
        }
        exits[place] = exit.exit
        let process = task.isRestarted ? world.attempts[place] : processes[task.uid]
        checkTruth(of: exit.exit, process, pod)
    }

    /// S5: an exit is true, or `unknown` if no shim could see it.
    private func checkTruth(of exit: TaskExit, _ process: Int32?, _ pod: UID) {
        guard let pid = process, let truth = world.truth[pid] else { return }
        switch exit.status {
        case .code, .signal, .neverRan:
            if truth.status != exit.status { fail("S5", "\(exit) where it was \(truth)") }
        case .unknown:
            if !shimKilled.contains(pod) { fail("S5", "an exit is unknown, and the shim lived") }
            if world.stored.contains(pid) { fail("S5", "an exit is unknown, and it was stored") }
        }
    }

    /// Whether an attempt of the task ended so.
    private func isTrue(_ exit: TaskExit, of task: UID) -> Bool {
        exit.status == .unknown
            || world.attempts.contains { place, pid in
                place.task == "\(task)" && world.truth[pid]?.status == exit.status
            }
    }

    // MARK: Order

    /// A task has a process only when each init task has ended with 0, and when the tasks in its
    /// `after` have run. Later these may have been deleted, and made again.
    private func checkOrder(_ pod: Pod) {
        guard pod.state == .creating else { return }
        // The undo of a create stops all tasks before it deletes one.
        for task in pod.tasks where task.state.process != nil {
            let ahead = pod.tasks.filter { other in
                other.spec.isInit && !task.spec.isInit || task.spec.after.contains(other.spec.name)
            }
            for other in ahead where other.startProgress != .reached {
                // A client has asked for its delete meanwhile.
                if case .deleting = other.state { continue }
                fail("order", "\(task.spec.name) of \(pod.uid) runs before \(other.spec.name)")
            }
        }
    }

    /// No init task runs again after an end with 0 that a shim has stored, unless it was deleted.
    private func checkInits() {
        for (task, runs) in world.initRuns {
            let done = runs.dropLast().filter {
                world.truth[$0]?.status == .code(0) && world.stored.contains($0)
            }
            if !done.isEmpty { fail("order", "the init task \(task) ran again after \(done)") }
        }
    }

    // MARK: Restarts

    /// The tasks that a client has asked to stop.
    private var stopped: Set<UID> = []

    private func noteStop(_ request: Request, _ engine: Engine) {
        switch request {
        case .stop(let name, _, _):
            stopped.formUnion(engine.pod(name)?.tasks.map(\.uid) ?? [])
        case .stopTask(let name, let task, _):
            if let uid = engine.pod(name)?[task: task]?.uid { stopped.insert(uid) }
        default: break
        }
    }

    /// A task that is always restarted runs, or says when it will.
    func checkRestarts(_ engine: Engine?) {
        for pod in engine?.pods().pods ?? [] where pod.state == .ready {
            for task in pod.tasks where task.spec.restart.policy == .always && task.spec.start {
                guard task.spec.restart.maxRetries == nil, !stopped.contains(task.uid),
                    task.spec.health?.onFailure != .stop,
                    task.operation == nil, world.pods[pod.uid]?.shim != nil,
                    case .exited = task.state, task.nextStart == nil
                else { continue }
                fail("restart", "\(task.spec.name) of \(pod.uid) is not restarted")
            }
        }
    }

    /// Lv2: nothing of any pod is left.
    func finalLook(_ engine: Engine?) {
        lastEngine = nil
        look(engine)
        for uid in world.pods.keys { fail("Lv2", "\(uid) has left \(pieces(uid))") }
        if let pods = engine?.pods().pods, !pods.isEmpty { fail("Lv2", "pods are left") }
        for uid in world.bridges { fail("Lv2", "the bridge of \(uid) is left") }
        if let networks = engine?.networks().networks, !networks.isEmpty {
            fail("Lv2", "networks are left")
        }
    }
}
