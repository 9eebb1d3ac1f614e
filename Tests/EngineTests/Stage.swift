// The engine on a machine in memory. The test controls its time, so nothing here depends on load.

import EventLoop
import Host
import Model
import Simulation
import Store
import Synchronization
import Testing

@testable import Engine

/// All suites that use the event loop. There is one loop, so one test at a time runs it.
@Suite(.serialized) enum Simulated {}

private final class Written: Sendable {
    let lines = Mutex<[String]>([])
}

final class Stage {
    /// Must be set before anything else uses the loop of this process.
    private static let reactor: Reactor = {
        Reactor.isSimulated.store(true, ordering: .releasing)
        return Loop.shared.reactor
    }()

    /// The simulated wall clock.
    static var wall: Int64 {
        _ = reactor
        return EngineClock.wall
    }

    let world: World
    let host: SimulatedHost
    let engine: Engine
    let disk = SimulatedDisk()
    private let written: Written
    /// The lines of the engine's log.
    var log: [String] { written.lines.withLock { $0 } }
    private var reactor: Reactor { Stage.reactor }

    /// - Parameter path: path of a store on a file system; `nil` for a store in memory.
    init(_ settings: Settings = Settings(), storeAt path: String? = nil) throws {
        Stage.reactor.resetSimulation(seed: 1)
        var settings = settings
        settings.logLevel = nil
        settings.auditInterval = 86_400_000
        let made = Mutex<(World, SimulatedHost, Engine)?>(nil)
        let written = Written()
        self.written = written
        let log = Log(.debug) { line in written.lines.withLock { $0.append(line) } }
        onLoop { [settings, disk] in
            let (world, life) = (World(seed: 1), Life(effects: nil))
            let host = SimulatedHost(world, life, cgroupParent: settings.cgroupParent)
            do {
                let engine =
                    if let path {
                        try Engine(settings, Store(path: path), host, log: log)
                    } else {
                        try Engine(settings, SimulatedRecords(disk, life), host, log: log)
                    }
                engine.start()
                made.withLock { $0 = (world, host, engine) }
            } catch { preconditionFailure("\(error)") }
        }
        Stage.reactor.runSimulated()
        (world, host, engine) = try #require(made.withLock { $0 })
    }

    /// Keeps the world and the timers: the tasks behind them must not be unwound.
    deinit {
        let (world, timers) = (world, reactor.dropSimulated())
        Stage.kept.withLock { $0.append((world, timers)) }
    }

    private static let kept = Mutex<[(World, [@Sendable () -> Void])]>([])

    /// Lets time pass until `level` holds. Returns `false` if it does not hold within a minute.
    func eventually(_ level: () -> Bool) -> Bool {
        eventually(until: reactor.simulatedNow + 60_000_000_000, level)
    }

    private func eventually(until end: Int64, _ level: () -> Bool) -> Bool {
        reactor.runSimulated()
        while !level() {
            let next = min(
                reactor.nextSimulatedTimer ?? .max, world.nextEvent.load(ordering: .relaxed))
            guard next < end else { return false }
            reactor.advanceSimulated(to: next)
            onLoop { [world] in world.runDue() }
            reactor.runSimulated()
        }
        return true
    }

    /// Lets that much time pass.
    func pass(milliseconds: Int64) {
        let end = reactor.simulatedNow + milliseconds * 1_000_000
        _ = eventually(until: end) { false }
        reactor.advanceSimulated(to: end)
        reactor.runSimulated()
    }

    @discardableResult
    func onMachine<Result: Sendable>(
        _ body: @escaping @Sendable @Loop (World) -> Result
    ) throws -> Result {
        let result = Mutex<Result?>(nil)
        onLoop { [world] in
            let found = body(world)
            result.withLock { $0 = found }
        }
        reactor.runSimulated()
        return try #require(result.withLock { $0 })
    }

    // MARK: Requests

    func context(_ id: UID? = nil) -> RequestContext {
        RequestContext(
            requester: Requester(pid: 1, uid: 0, gid: 0, command: "test"), operationID: id,
            fingerprint: 1, ifMatch: nil)
    }

    /// Makes a ready pod, with a running task if `task` is given. The first attempt may fail,
    /// because this machine injects failures.
    func makePod(_ name: String, task: String? = nil) throws -> Pod {
        let name = label(name)
        let tasks = task.map { [TaskSpec(name: label($0), rootfs: "/rootfs", args: ["x"])] } ?? []
        for _ in 0..<20 {
            _ = try engine.createPod(name, PodSpec(hostname: name.text, tasks: tasks), context())
            _ = eventually { engine.pod(name)?.state != .creating }
            if let pod = engine.pod(name) { return pod }
        }
        throw Refusal.podUnknown(name)
    }

    /// Returns the operation of a request, or its refusal.
    func ask(_ request: () throws(Refusal) -> MutationResult) -> Answer {
        do throws(Refusal) {
            switch try request() {
            case .operation(let operation), .finished(let operation): return .accepted(operation)
            case .pod, .task, .network, .nothing: return .nothing
            }
        } catch { return .refused(error) }
    }

    /// A machine with a network of plugins.
    static func withPlugins() throws -> Stage {
        let stage = try Stage()
        try stage.onMachine { $0.configureNetwork() }
        return stage
    }

    /// Makes a pod. The first attempts may fail, because the plugins in memory fail now and then.
    func makePod(_ name: String, _ network: PodNetwork) throws -> Pod {
        let spec = PodSpec(hostname: name, network: network)
        for _ in 0..<20 {
            _ = try engine.createPod(label(name), spec, context())
            _ = eventually { engine.pod(label(name))?.state != .creating }
            if let pod = engine.pod(label(name)) { return pod }
        }
        throw Refusal.podUnknown(label(name))
    }

    /// Asks for the delete of a pod, with SIGKILL at once.
    func delete(_ pod: Label, allowMissing: Bool = false) -> Answer {
        ask { () throws(Refusal) in
            try engine.deletePod(
                pod, uid: nil, grace: 0, allowMissing: allowMissing, context())
        }
    }

    enum Answer {
        case accepted(PodOperation)
        case refused(Refusal)
        case nothing

        var operation: PodOperation? {
            if case .accepted(let operation) = self { return operation }
            return nil
        }

        var refusal: Refusal? {
            if case .refused(let refusal) = self { return refusal }
            return nil
        }
    }

    func hasEnded(_ operation: PodOperation) -> Bool {
        guard case .found(let now) = engine.operation(operation.id) else { return true }
        return now.state.hasEnded
    }
}

func label(_ text: String) -> Label {
    guard let label = Label(text) else { preconditionFailure("\(text) is no label") }
    return label
}
