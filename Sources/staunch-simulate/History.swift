// One history: a client that retries every request, a machine that fails, a daemon that dies.

import Engine
import EventLoop
import Host
import Kernel
import Model
import Simulation
import Store

@Loop final class History {
    let world: World
    let stage: Stage
    let ledger: Ledger
    private let promptness: Promptness
    private let disk = SimulatedDisk()
    private(set) var engine: Engine?
    private var life: Life?
    private var isHealing = false
    private var isStoreFull = false
    private var answered: [Answered] = []
    private let parent = "/staunch"

    init(_ world: World, _ stage: Stage) {
        self.world = world
        self.stage = stage
        world.configureNetwork()
        ledger = Ledger(world, disk, stage)
        promptness = Promptness(world, stage)
    }

    func tell(_ text: @autoclosure () -> String) {
        if stage.isVerbose { print("\(world.now / 1_000_000) ms: \(text())") }
    }

    func run() async {
        startDaemon()
        for _ in 0..<(5 + world.dice.below(20)) {
            await act()
            await world.sleep(milliseconds: pause())
            look()
            if stage.verdict != nil { return }
        }
        await settle()
    }

    private func look() {
        ledger.look(engine)
        promptness.look(engine, ledger.open)
    }

    private func pause() -> Int {
        switch world.dice.below(4) {
        case 0: 0
        case 1: world.dice.below(30)
        case 2: world.dice.below(400)
        default: world.dice.below(8000)
        }
    }

    // MARK: The daemon

    private func startDaemon() {
        let effects = isHealing || world.dice.once(in: 3) ? nil : 1 + world.dice.below(120)
        let life = Life(effects: effects)
        var settings = Settings()
        settings.cgroupParent = parent
        settings.logLevel = stage.isVerbose ? .debug : nil
        settings.auditInterval = 20_000
        // In some histories the limit of open operations is so low that clients reach it.
        if stage.seed % 4 == 0 { settings.limits.operationsPerPod = 2 }
        stage.keeping.limit(&settings.limits)
        do throws(StartFailure) {
            let engine = try Engine(
                settings, SimulatedRecords(disk, life),
                SimulatedHost(world, life, cgroupParent: parent),
                log: Log(settings.logLevel, to: { print($0, terminator: "") }))
            (self.life, self.engine) = (life, engine)
            stage.setLife(life)
            // The first client must see what the store contains.
            look()
            engine.start()
            promptness.expectReady(
                engine, isLiving: { self.engine === engine && !life.isOver },
                isFull: { self.isStoreFull })
            tell("daemon starts, to die after \(effects.map(String.init) ?? "no") effects")
        } catch { stage.end("the daemon does not start: \(error)") }
    }

    func daemonDied() {
        tell("daemon dies")
        if let engine { world.graveyard.append(engine) }
        (engine, life) = (nil, nil)
        look()
        world.after(milliseconds: world.dice.below(isHealing ? 10 : 3000)) { self.startDaemon() }
    }

    // MARK: What happens

    private func act() async {
        switch world.dice.below(51) {
        case 0..<8: await create()
        case 8..<14: await delete()
        case 14:
            await ask { name in
                .stop(name, grace: self.grace(), release: self.world.dice.once(in: 2))
            }
        case 15: await ask { .createTask($0, self.task(named: self.taskName(), starts: true)) }
        case 16: await ask { .deleteTask($0, self.taskName(), grace: self.grace()) }
        case 17: await ask { .stopTask($0, self.taskName(), grace: self.grace()) }
        case 18: await ask { .startTask($0, self.taskName()) }
        case 19: await ask { .signalTask($0, self.taskName()) }
        case 20: await ask { .limit($0, Int64(64 + self.world.dice.below(9)) << 20) }
        case 21: await cancel()
        case 22: life?.end()
        case 23, 24: killShim()
        case 25: stopShim()
        case 26: disturbDisk()
        case 27: disturbKills()
        case 28: fillStore()
        case 29: plant()
        case 30: hangUp()
        case 31: killAll()
        case 32, 33: jump()
        case 34: await createNetwork()
        case 35: await send(.deleteNetwork(networkName()))
        case 36: unplug()
        case 37: losePlugins()
        case 38, 39: await abandon()
        case 40: removeParent()
        case 41: await ask { .pauseTask($0, self.taskName()) }
        case 42: await ask { .resumeTask($0, self.taskName()) }
        case 43:
            let bytes = Int64(64 + world.dice.below(9)) << 20
            await ask { .limitTask($0, self.taskName(), bytes) }
        case 44, 45, 46: await ask { .exec($0, self.taskName()) }
        case 47: await ask { .reopenLog($0, self.taskName()) }
        default: await retryLate()
        }
    }

    private func podName() -> Label { label("pod-\(world.dice.below(3))") }
    private func taskName() -> Label { label("t\(world.dice.below(3))") }
    private func grace() -> Int64? { world.dice.once(in: 3) ? nil : Int64(world.dice.below(2000)) }

    private func task(named name: Label, starts: Bool) -> TaskSpec {
        let rootfs = world.dice.once(in: 12) ? "/missing" : "/rootfs"
        var spec = TaskSpec(name: name, rootfs: rootfs, args: ["x"], start: starts)
        if world.dice.once(in: 3) {
            spec.restart.policy = world.dice.once(in: 3) ? .onFailure : .always
            spec.restart.initialBackoff = Int64(world.dice.below(300))
            spec.restart.maxBackoff = 3000
            if world.dice.once(in: 4) { spec.restart.maxRetries = Int64(world.dice.below(4)) }
        }
        if world.dice.once(in: 3) {
            let isExec = world.dice.once(in: 2)
            var health = HealthSpec(check: isExec ? .exec(args: ["x"]) : .tcp(port: 1))
            let actions = HealthSpec.Action.allCases
            health.onFailure = actions[world.dice.below(actions.count)]
            spec.health = health
        }
        if world.dice.once(in: 3) { spec.log.path = "/var/log/pods/\(name).log" }
        spec.stdin = world.dice.once(in: 4)
        spec.tty = world.dice.once(in: 4)
        // The engine refuses some of these.
        if world.dice.once(in: 6) { spec.after = [taskName()] }
        if world.dice.once(in: 16) { spec.isInit = true }
        if spec.isInit { spec.health = nil }
        return spec
    }

    /// Gives the tasks an order that a client may ask for.
    private func order(_ tasks: inout [TaskSpec]) {
        var earlier: [TaskSpec] = []
        for index in tasks.indices.shuffled(using: &world.dice) {
            var task = tasks[index]
            task.isInit = world.dice.once(in: 3)
            if task.isInit {
                task.start = true
                task.health = nil
                if task.restart.policy == .always { task.restart.policy = .onFailure }
            }
            task.after = earlier.filter { $0.start && ($0.isInit || !task.isInit) }.map(\.name)
                .filter { _ in world.dice.once(in: 2) }
            tasks[index] = task
            earlier.append(task)
        }
    }

    private func create() async {
        let name = podName()
        var tasks: [TaskSpec] = []
        for index in 0..<world.dice.below(4) {
            tasks.append(task(named: label("t\(index)"), starts: !world.dice.once(in: 4)))
        }
        order(&tasks)
        var spec = PodSpec(hostname: name.text, tasks: tasks)
        switch world.dice.below(4) {
        case 0: spec.resources.memory = 1 << 20
        case 1: spec.cgroupParent = World.parent
        default: break
        }
        if world.dice.once(in: 3) { spec.volumes = [VolumeSpec(name: label("cache"))] }
        if world.dice.once(in: 5) { spec.ttlAfterExit = Int64(world.dice.below(5000)) }
        switch world.dice.below(4) {
        case 0, 1: spec.network = .bridge(bridge())
        case 2: spec.network = .cni(plugins())
        default: break
        }
        await send(.create(name, spec))
    }

    /// Often the network `pods`, with few addresses and ports, so that pods want the same ones.
    private func bridge() -> BridgeSpec {
        var bridge = BridgeSpec(name: world.dice.once(in: 3) ? networkName() : .pods)
        if world.dice.once(in: 4) {
            bridge.address = IPAddress(
                .v4, (10 << 24 | 88 << 16) + 2 + UInt128(world.dice.below(4)))
        }
        if world.dice.once(in: 2) {
            let port = UInt16(8080 + world.dice.below(2))
            bridge.ports = [PortSpec(hostPort: port, containerPort: 80)]
        }
        return bridge
    }

    /// Mostly the one network that is configured, on one interface or two.
    private func plugins() -> CNISpec {
        let names = world.dice.once(in: 3) ? ["eth0", "net1"] : ["eth0"]
        return CNISpec(
            attachments: names.map { name in
                CNIAttachment(network: world.dice.once(in: 12) ? "none" : nil, interface: name)
            })
    }

    private func networkName() -> Label { world.dice.once(in: 3) ? .pods : label("net") }

    private func createNetwork() async {
        var spec = NetworkSpec()
        if world.dice.once(in: 2) {
            spec.subnet = IPPrefix(IPAddress(.v4, 10 << 24 | 99 << 16), length: 29)
        }
        await send(.createNetwork(networkName(), spec))
    }

    private func losePlugins() {
        tell("the plugins are gone")
        world.arePluginsGone = true
        world.after(milliseconds: world.dice.below(20_000)) { self.world.arePluginsGone = false }
    }

    /// Removes a bridge behind the daemon's back.
    private func unplug() {
        guard let uid = world.dice.pick(world.bridges.sorted()) else { return }
        tell("the bridge of \(uid) is removed")
        world.bridges.remove(uid)
    }

    private func removeParent() {
        tell("the pods' cgroup parent is removed")
        world.removeParent()
    }

    private func delete() async {
        let name = podName()
        let uid =
            world.dice.once(in: 2) ? ledger.uids(of: name).randomElement(using: &world.dice) : nil
        await send(.delete(name, uid, grace: grace()))
    }

    private func ask(_ make: (Label) -> Request) async { await send(make(podName())) }

    private func cancel() async {
        guard let id = world.dice.pick(ledger.open) else { return }
        await send(.cancel(id))
    }

    private func abandon() async {
        guard let id = world.dice.pick(ledger.open) else { return }
        await send(.abandon(id))
    }

    // MARK: Faults

    private func killShim() {
        guard let uid = world.dice.pick(world.pods.keys.sorted()) else { return }
        tell("shim of \(uid) is killed")
        ledger.shimKilled.insert(uid)
        world.killShim(of: uid)
    }

    /// Kills the daemon, a pod's tasks and, soon after, its shim.
    private func killAll() {
        guard let uid = world.dice.pick(world.pods.keys.sorted()) else { return }
        tell("daemon, tasks and shim of \(uid) are killed")
        life?.end()
        world.killTasks(of: uid)
        world.after(milliseconds: world.dice.below(500)) { [self] in
            ledger.shimKilled.insert(uid)
            world.killShim(of: uid)
        }
    }

    private func stopShim() {
        guard let uid = world.dice.pick(world.pods.keys.sorted()), let shim = world.pods[uid]?.shim
        else { return }
        tell("shim of \(uid) is stopped")
        shim.isStopped = true
        world.after(milliseconds: world.dice.below(20_000)) { shim.isStopped = false }
    }

    private func disturbDisk() {
        tell("the disk does not answer")
        world.isDiskStuck = true
        world.after(milliseconds: world.dice.below(20_000)) { self.world.isDiskStuck = false }
    }

    private func disturbKills() {
        tell("processes are in state D")
        world.isKillStuck = true
        world.after(milliseconds: world.dice.below(10_000)) { self.world.isKillStuck = false }
    }

    private func fillStore() {
        tell("the store is full")
        setFull(true)
        world.after(milliseconds: world.dice.below(5000)) { self.setFull(false) }
    }

    private func setFull(_ isFull: Bool) {
        disk.setFull(isFull)
        isStoreFull = isFull
        promptness.storeHasRoom()
    }

    /// Makes a shim hang up, as it does for lack of memory. It lives on, and accepts the next
    /// connection.
    private func hangUp() {
        guard let uid = world.dice.pick(world.pods.keys.sorted()), let shim = world.pods[uid]?.shim
        else { return }
        tell("shim of \(uid) hangs up")
        shim.hangUp()
    }

    /// Lets the clock jump, for ever or until it is set right.
    private func jump() {
        let hours = Int64(world.dice.below(500)) - 250
        tell("the clock jumps by \(hours) hours")
        Loop.shared.reactor.jumpSimulatedWall(hours * 3_600_000)
        guard world.dice.once(in: 2) else { return }
        world.after(milliseconds: world.dice.below(20_000)) { [self] in
            tell("the clock is set right")
            Loop.shared.reactor.jumpSimulatedWall(-hours * 3_600_000)
        }
    }

    private func plant() {
        let uid = UID(
            milliseconds: 1_700_000_000_000, random: (world.dice.next(), world.dice.next()))
        tell("an orphan \(uid)")
        ledger.planted.insert(uid)
        world.plantOrphan(uid)
    }

    // MARK: Requests

    /// Sends a request until it is answered, with the id of the first attempt.
    func send(_ request: Request) async {
        var context = context(world.dice.once(in: 4) ? nil : makeID())
        var hasTried = false
        for _ in 0..<200 {
            guard let engine, let life, engine.isReady else {
                await world.sleep(milliseconds: 50)
                continue
            }
            ledger.noteAsked(request, engine)
            let answer: Result<MutationResult, Refusal>
            do throws(Refusal) { answer = .success(try request.send(to: engine, context)) } catch {
                answer = .failure(error)
            }
            // The dead daemon never sent this reply, so the client tries again.
            if life.isOver {
                hasTried = true
                await world.sleep(milliseconds: 20)
                continue
            }
            tell("\(request.words): \(words(answer))")
            // The id was made by a clock that was behind, so the client takes another id.
            if case .failure(.operationExpired) = answer {
                context = self.context(untimedID())
                continue
            }
            if case .success(let accepted) = answer, let id = context.operationID,
                stage.keeping.remembers(id)
            {
                answered.append(
                    Answered(request: request, context: context, answer: accepted))
            }
            return ledger.note(request, answer, maker: hasTried ? nil : engine)
        }
    }

    private func context(_ id: UID?) -> RequestContext {
        RequestContext(
            requester: Requester(pid: 1, uid: 0, gid: 0, command: "client"), operationID: id,
            fingerprint: world.dice.next(), ifMatch: nil)
    }

    /// Makes an id of version 4.
    private func untimedID() -> UID {
        UID(high: world.dice.next() & ~0xf000 | 0x4000, low: world.dice.next())
    }

    /// Makes an id of version 7 with the time of the client's clock, or of version 4.
    private func makeID() -> UID {
        if world.dice.once(in: 2) { return untimedID() }
        let isOff = world.dice.once(in: 8)
        let hours = isOff ? Int64(world.dice.below(2000)) - 20 : 0
        return UID(
            milliseconds: EngineClock.wall + hours * 3_600_000,
            random: (world.dice.next(), world.dice.next()))
    }

    /// Sends a late retry. Its request was carried out long before.
    private func retryLate() async {
        guard let late = world.dice.pick(answered), let engine, let life, engine.isReady else {
            return
        }
        let answer: Result<MutationResult, Refusal>
        do throws(Refusal) {
            answer = .success(try late.request.send(to: engine, late.context))
        } catch { answer = .failure(error) }
        if life.isOver { return }
        tell("late, \(late.request.words): \(words(answer))")
        ledger.check(late, answer)
    }

    // MARK: The end

    /// Ends every fault. Then each accepted operation must end by itself, and only objects with a
    /// record may be left.
    private func settle() async {
        isHealing = true
        life?.spare()
        setFull(false)
        world.heal()
        tell("healed")
        await untilQuiet()
        if stage.verdict != nil { return }
        await promptness.expectExits { self.engine }
        ledger.checkRestarts(engine)
        if stage.verdict != nil { return }
        for name in (0..<3).map({ label("pod-\($0)") }) {
            await send(.delete(name, nil, grace: 0))
        }
        await untilQuiet()
        if stage.verdict != nil { return }
        for name in [.pods, label("net")] as [Label] { await send(.deleteNetwork(name)) }
        await untilQuiet()
        if stage.verdict == nil { ledger.finalLook(engine) }
        stage.end("")
    }

    /// Waits until no operation is open and all orphans are gone.
    private func untilQuiet() async {
        for _ in 0..<2000 {
            world.heal()
            await world.sleep(milliseconds: 100)
            look()
            if stage.verdict != nil { return }
            if engine?.isReady == true, ledger.open.isEmpty, ledger.orphans.isEmpty,
                engine?.openOperations.isEmpty == true
            {
                return
            }
        }
        stage.end(
            "open for ever: \(ledger.open.map { "\($0)" }) orphans \(ledger.orphans) "
                + "\(engine?.openOperations ?? [])")
    }
}

private func words(_ answer: Result<MutationResult, Refusal>) -> String {
    switch answer {
    case .success(.operation(let operation)):
        "\(operation.kind.rawValue) \(operation.id), uid \(operation.target.owner.uid): "
            + "\(operation.state)"
    case .success(.finished(let operation)): "had ended: \(operation.kind.rawValue) \(operation.id)"
    case .success(.pod), .success(.task), .success(.network): "as it is"
    case .success(.nothing): "nothing"
    case .failure(let refusal): "\(refusal)"
    }
}

func label(_ text: String) -> Label {
    guard let label = Label(text) else { preconditionFailure("\(text) is no label") }
    return label
}
