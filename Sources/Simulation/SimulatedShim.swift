// A shim in memory. It answers like the real shim, after some time, and may stop or die.

package import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

@Loop package final class SimulatedShim {
    package let pid: Int32
    package let pod: SimulatedPod
    package var isStopped = false
    private(set) var isDead = false
    var line: SimulatedShimClient?
    var tasks: [String: SimulatedTask] = [:]
    var execs: [SimulatedExec] = []
    private var isRemoving = false
    /// The job for a part of the pod, as if the part were a task.
    private var part: SimulatedTask?
    private var removers: [(UInt32, SimulatedShimClient?)] = []

    init(_ pod: SimulatedPod) {
        self.pod = pod
        pid = pod.world.newPID()
        pod.hasFolder = true
        pod.makeCgroup("/\(pod.uid)/shim", holding: pid)
    }

    var world: World { pod.world }

    /// Ends the shim: its lock is free and its mounts are gone. A helper that the disk holds stays
    /// in the shim's cgroup.
    func die() {
        isDead = true
        pod.shim = nil
        pod.plugins.loseNamespace()
        pod.cgroups["/\(pod.uid)/shim"]?.remove(pid)
        hangUp()
        let isHeld = tasks.values.contains { $0.job == .unmount || $0.job == .remove }
        if isRemoving || part != nil || isHeld {
            let helper = world.newPID()
            pod.makeCgroup("/\(pod.uid)/shim", holding: helper)
            world.retrying { [world, pod] in
                if world.isDiskStuck { return false }
                pod.end(helper)
                world.tidy(pod.uid)
                return true
            }
        }
    }

    /// Closes the connection, and lives on.
    package func hangUp() {
        line?.hangUp()
        line = nil
    }

    /// Handles a request once the shim runs.
    func take(_ request: ShimRequest, _ id: UInt32, from line: SimulatedShimClient) {
        world.retrying(every: 100) { [self] in
            if isDead { return true }
            if isStopped { return false }
            if self.line === line { handle(request, id) }
            return true
        }
    }

    func reply(_ id: UInt32, _ reply: ShimReply) { line?.deliver(id, reply) }

    func task(_ name: String) -> SimulatedTask {
        if let task = tasks[name] { return task }
        let task = SimulatedTask(name)
        tasks[name] = task
        return task
    }

    /// Calls `done` after some time, which is mostly short. Work on a disk waits until the disk
    /// answers.
    func work(onDisk: Bool = false, _ done: @escaping @Loop () -> Void) {
        let milliseconds = world.dice.once(in: 10) ? world.dice.below(3000) : world.dice.below(20)
        world.after(milliseconds: milliseconds) { [self] in
            world.retrying { [self] in
                if isDead { return true }
                if isStopped || onDisk && world.isDiskStuck { return false }
                done()
                return true
            }
        }
    }

    private func handle(_ request: ShimRequest, _ id: UInt32) {
        switch request {
        case .status: reply(id, .status(report()))
        case .mount(let name, let document): mount(task(name), document.lower, id)
        case .create(let name, let document): create(task(name), document, id)
        case .setRestart(let name, let policy): setRestart(task(name), policy, id)
        case .attempts(let name, let since): attempts(name, since, id)
        case .start(let name): start(task(name), id)
        case .signal(let name, let number): signal(task(name), number, id)
        case .stop(let name, _, let grace): stop(task(name), grace, id)
        case .freeze(let name, _): freeze(task(name), id)
        case .update(let name, let update): self.update(task(name), update, id)
        case .setHealth(let name, let health): setHealth(task(name), health, id)
        case .health(let name, let since): health(name, since, id)
        case .setInput: reply(id, .done)
        case .attachTask(let name, _): attach(name, id)
        case .openLog: work(onDisk: true) { self.reply(id, .done) }
        case .delete(let name): delete(task(name), id)
        case .unmount(let name): unmount(task(name), id)
        case .remove(let name): remove(task(name), id)
        case .removeAll(let keepsLogs): removeAll(keepsLogs, id)
        case .makePart(let name, _): makePart(name, id)
        case .removePart(let name): removePart(name, id)
        case .exec(let name, let wanted): exec(name, wanted, id)
        case .attachExec(let exec, _): attachExec(exec, id)
        case .endExec(let exec): endExec(exec, id)
        case .execs:
            reply(
                id,
                .execs(
                    execs.map {
                        WireExecReport(
                            id: $0.id, task: $0.task.name, keeper: nil, end: $0.end)
                    }))
        case .forgetExec(let exec):
            execs.removeAll { $0.id == exec && $0.end != nil }
            reply(id, .done)
        case .exit: exit(id)
        }
    }

    private func report() -> ShimReport {
        ShimReport(
            shim: ProcessIdentity(pid: pid, startTicks: UInt64(pid)),
            tasks: tasks.values.sorted { $0.name < $1.name }.map { task in
                ShimTaskReport(
                    name: task.name, process: task.process, exit: task.exit, job: nil,
                    jobPID: nil, jobSince: nil, waiting: nil)
            })
    }

    // MARK: Creating

    private static let user = ResolvedUser(uid: 0, gid: 0, additionalGIDs: [])

    private func mount(_ task: SimulatedTask, _ lower: String, _ id: UInt32) {
        if task.isMounted { return reply(id, .mounted(SimulatedShim.user)) }
        guard begin(.mount, task, id) else { return }
        pod.hasData = true
        work(onDisk: true) { [self] in
            if task.stopsAt != nil {
                return end(task, .failed(.interrupted, detail: "a stop came in between"))
            }
            if lower == "/missing" {
                return end(task, .failed(.rootfsMissing, detail: "\(lower) is not there"))
            }
            task.isMounted = true
            end(task, .mounted(SimulatedShim.user))
        }
    }

    private func makePart(_ name: String, _ id: UInt32) {
        if let part, part.name != name, part.job == .mount, let line {
            // It waits for the other part.
            return world.after(milliseconds: 10) { [self] in
                take(.makePart(name: name, document: []), id, from: line)
            }
        }
        // Sysctls go with the shim.
        let isKept = name != WireSysctl.part
        if isKept { pod.parts.insert(name) }
        change(name, .mount, id) { [world, pod] in
            // A helper that ends after a removal has made it again.
            if isKept { pod.parts.insert(name) }
            return world.dice.once(in: 25) ? .failed(.system, detail: "mkdir: ENOSPC") : .done
        }
    }

    private func create(_ task: SimulatedTask, _ document: TaskDocument, _ id: UInt32) {
        if let process = task.process ?? task.restarts?.lastProcess {
            return reply(id, .running(process))
        }
        guard task.isMounted else {
            return reply(id, .failed(.state, detail: "the task has no rootfs yet"))
        }
        guard begin(.create, task, id) else { return }
        task.id = document.id
        task.startsAtOnce = document.startsAtOnce
        pod.bundles.insert(task.name)
        if task.restarts == nil {
            pod.exitFiles[task.name] = .open
        } else {
            pod.attemptFiles[task.name] = [task.attempt: .open]
        }
        pod.hasLogs = true
        work { [self] in
            if task.stopsAt != nil {
                return end(task, .failed(.interrupted, detail: "a stop came in between"))
            }
            if pod.isOutside, !world.hasParent {
                return end(task, .failed(.system, detail: "mkdir: ENOENT"))
            }
            if world.dice.once(in: 25) {
                pod.makeCgroup(cgroup(task))
                return end(task, .failed(.runtime, detail: "the runtime said no"))
            }
            run(task)
            guard let process = task.process else { return }
            end(task, .running(process))
            line?.tellOfAttempts(task)
        }
    }

    /// Begins a job; at most one runs for each task. A request of the same kind joins the job, and
    /// a request of another kind is told about it.
    private func begin(_ kind: SimulatedTask.Job, _ task: SimulatedTask, _ id: UInt32) -> Bool {
        if let job = task.job {
            if job == kind {
                task.waiting.append((id, line))
            } else {
                reply(id, .stillThere(reason: "\(job) is under way"))
            }
            return false
        }
        task.job = kind
        task.waiting = [(id, line)]
        return true
    }

    func end(_ task: SimulatedTask, _ answer: ShimReply) {
        task.job = nil
        let waiting = task.waiting
        task.waiting = []
        for (id, asker) in waiting where asker === line { reply(id, answer) }
        finishStop(task)
    }

    func cgroup(_ task: SimulatedTask) -> String { "\(pod.workload)/task-\(task.name)" }

    func run(_ task: SimulatedTask) {
        let process = world.newPID()
        pod.makeCgroup(cgroup(task), holding: process)
        task.process = ProcessIdentity(pid: process, startTicks: UInt64(process))
        if task.restarts != nil {
            task.restarts?.lastProcess = task.process
            world.attempts[SimulatedAttempt(task: task.id, number: task.attempt)] = process
        }
        if willRun(task) { beginHealth(task) }
        if pod.initTasks.contains(task.name) { return runInit(task, process) }
        // Some processes end by themselves.
        guard world.dice.once(in: 3) else { return }
        let code = Int32(world.dice.below(4))
        world.after(milliseconds: world.dice.below(4000)) { self.end(process, code) }
    }

    /// Every program of an init task ends, and most of them with 0.
    private func runInit(_ task: SimulatedTask, _ process: Int32) {
        world.initRuns[task.id, default: []].append(process)
        let chance: Int32 = world.dice.once(in: 4) ? Int32(world.dice.below(4)) : 0
        let code = world.initCodes.isEmpty ? chance : world.initCodes.removeFirst()
        world.after(milliseconds: world.dice.below(4000)) { [self] in
            world.retrying { [self] in
                if world.areInitsHeld { return false }
                end(process, code)
                return true
            }
        }
    }

    private func end(_ process: Int32, _ code: Int32) {
        guard pod.cgroups.values.contains(where: { $0.contains(process) }) else { return }
        world.truth[process] = TaskExit(
            status: .code(code), oomKilled: false, finishedAt: EngineClock.wall)
        pod.end(process)
    }

    private func start(_ task: SimulatedTask, _ id: UInt32) {
        if startsAgain(task, id) { return }
        guard task.isAlive else {
            return reply(id, .failed(.notRunning, detail: "the task has no process"))
        }
        work { [self] in
            if !willRun(task) {
                task.hasStarted = true
                beginHealth(task)
            }
            reply(id, .done)
        }
    }

    private func freeze(_ task: SimulatedTask, _ id: UInt32) {
        guard task.isAlive, task.stopsAt == nil else {
            return reply(id, .failed(.notRunning, detail: "the task does not run"))
        }
        guard begin(.freeze, task, id) else { return }
        work { [self] in
            let isRefused = world.dice.once(in: 8)
            end(task, isRefused ? .failed(.state, detail: "a process does not freeze") : .done)
        }
    }

    /// Changes nothing but the policy, and is refused at times.
    private func update(_ task: SimulatedTask, _ update: WireUpdate, _ id: UInt32) {
        guard task.isAlive || task.restarts?.due != nil, task.stopsAt == nil else {
            return reply(id, .failed(.notRunning, detail: "the task does not run"))
        }
        guard begin(.update, task, id) else { return }
        work { [self] in
            if world.dice.once(in: 8) {
                return end(task, .failed(.system, detail: "write: EBUSY"))
            }
            if let restart = update.restart { task.restarts?.change(to: restart) }
            end(task, .done)
        }
    }

    private func signal(_ task: SimulatedTask, _ number: Int32, _ id: UInt32) {
        guard task.isAlive, let process = task.process else {
            return reply(id, .failed(.notRunning, detail: "the task has no process"))
        }
        if number == 9 { pod.kill(process.pid) }
        reply(id, .done)
    }

    /// Stores and reports the exit of a child that has ended.
    func sawEnd(of pid: Int32) {
        guard let task = tasks.values.first(where: { $0.process?.pid == pid && $0.exit == nil }),
            let exit = world.truth[pid]
        else { return }
        world.retrying(every: 100) { [self] in
            if isDead { return true }
            if isStopped { return false }
            world.stored.insert(pid)
            store(exit, of: task)
            endExecs(of: task)
            finishStop(task)
            return true
        }
    }

    // MARK: Removing

    private func stop(_ task: SimulatedTask, _ grace: Int64, _ id: UInt32) {
        endRestarts(task)
        task.stoppers.append((id, line))
        let at = world.now + min(grace, 60_000) * 1_000_000
        task.stopsAt = min(task.stopsAt ?? .max, at)
        if let process = task.process, task.exit == nil {
            let isPolite = world.dice.once(in: 2)
            let wait = isPolite ? world.dice.below(50) : Int(min(grace, 60_000))
            world.after(milliseconds: wait) { [pod] in pod.kill(process.pid) }
        }
        finishStop(task)
    }

    private func finishStop(_ task: SimulatedTask) {
        guard task.stopsAt != nil, !task.isAlive, task.job != .mount, task.job != .create else {
            return
        }
        let left = pod.processes(in: cgroup(task))
        guard left.isEmpty else {
            for process in left { pod.kill(process) }
            return world.after(milliseconds: 50) { [self] in if !isDead { finishStop(task) } }
        }
        task.stopsAt = nil
        let stoppers = task.stoppers
        task.stoppers = []
        for (id, asker) in stoppers where asker === line { reply(id, .done) }
    }

    private func delete(_ task: SimulatedTask, _ id: UInt32) {
        endRestarts(task)
        if task.isAlive { return reply(id, .stillThere(reason: "the task runs")) }
        guard begin(.delete, task, id) else { return }
        work { [self] in
            if world.dice.once(in: 12) {
                return end(task, .stillThere(reason: "rmdir: EBUSY", errno: 16))
            }
            pod.cgroups[cgroup(task)] = nil
            task.process = nil
            // A create that was being undone when its daemon died is done again from its beginning.
            world.initRuns[task.id] = nil
            end(task, .done)
        }
    }

    private func unmount(_ task: SimulatedTask, _ id: UInt32) {
        endRestarts(task)
        if task.isAlive { return reply(id, .stillThere(reason: "the task runs")) }
        guard task.isMounted || task.job != nil else { return reply(id, .done) }
        guard begin(.unmount, task, id) else { return }
        work(onDisk: true) { [self] in
            if world.dice.once(in: 12) {
                return end(task, .stillThere(reason: "umount2: EBUSY", errno: 16))
            }
            task.isMounted = false
            end(task, .done)
        }
    }

    private func remove(_ task: SimulatedTask, _ id: UInt32) {
        endRestarts(task)
        if task.isAlive || task.isMounted {
            return reply(id, .stillThere(reason: "the task runs, or its rootfs is mounted"))
        }
        guard begin(.remove, task, id) else { return }
        work(onDisk: true) { [self] in
            pod.bundles.remove(task.name)
            pod.exitFiles[task.name] = nil
            pod.attemptFiles[task.name] = nil
            end(task, .done)
            tasks[task.name] = nil
        }
    }

    private func removeAll(_ keepsLogs: Bool, _ id: UInt32) {
        if isRemoving { return removers.append((id, line)) }
        if let left = whatIsLeft { return reply(id, .stillThere(reason: left)) }
        isRemoving = true
        removers = [(id, line)]
        work(onDisk: true) { [self] in
            isRemoving = false
            pod.hasData = false
            if !keepsLogs { pod.hasLogs = false }
            for (id, asker) in removers where asker === line { reply(id, .done) }
        }
    }

    private func removePart(_ name: String, _ id: UInt32) {
        // The host removes the interface. The shim only says that no helper makes it.
        if name == WireInterface.part {
            let isBusy = part?.name == name && part?.job != nil
            return reply(id, isBusy ? .stillThere(reason: "mount is under way") : .done)
        }
        // The answer to a job for another part would be untrue.
        if let part, part.name != name {
            return reply(id, .stillThere(reason: "another part is under way"))
        }
        if part == nil, let left = whatIsLeft {
            return reply(id, .stillThere(reason: left))
        }
        change(name, .remove, id) { [world, pod] in
            if world.dice.once(in: 12) {
                return .stillThere(reason: "held by a descriptor", errno: 16)
            }
            pod.parts.remove(name)
            return .done
        }
    }

    /// Replies with the result of `done` once the disk answers. A request of the same kind joins
    /// the job.
    private func change(
        _ name: String, _ kind: SimulatedTask.Job, _ id: UInt32,
        _ done: @escaping @Loop () -> ShimReply
    ) {
        let job = part ?? SimulatedTask(name)
        guard begin(kind, job, id) else { return }
        part = job
        work(onDisk: true) { [self] in
            part = nil
            let answer = done()
            for (id, asker) in job.waiting where asker === line { reply(id, answer) }
        }
    }

    private var whatIsLeft: String? {
        if isRemoving || part != nil { return "files are being removed" }
        return tasks.values.first { $0.isAlive || $0.isMounted || $0.job != nil }
            .map { "task \($0.name) is there" }
    }

    private func exit(_ id: UInt32) {
        if let left = whatIsLeft { return reply(id, .stillThere(reason: left)) }
        die()
    }
}

@Loop final class SimulatedTask {
    let name: String
    enum Job { case mount, create, delete, unmount, remove, freeze, update }

    var isMounted = false
    /// The one child that works for the task, and the requests that its end answers.
    var job: Job?
    var waiting: [(UInt32, SimulatedShimClient?)] = []
    var process: ProcessIdentity?
    var exit: TaskExit?
    /// The container's id: the task's uid.
    var id = ""
    var startsAtOnce = false
    var hasStarted = false
    var attempt: UInt32 = 1
    var restarts: SimulatedRestarts?
    var health: SimulatedHealth?
    /// When the stop's grace ends; `nil` if no stop is in progress.
    var stopsAt: Int64?
    var stoppers: [(UInt32, SimulatedShimClient?)] = []

    init(_ name: String) { self.name = name }

    var isAlive: Bool { process != nil && exit == nil }
}
