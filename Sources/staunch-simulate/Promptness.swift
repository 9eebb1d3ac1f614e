// Checks what must be seen in time without a request: a ready daemon, a stalled step, an exit.

import Engine
import EventLoop
import Kernel
import Model
import Simulation

@Loop final class Promptness {
    private let world: World
    private let stage: Stage
    private var engine: Engine?
    /// Since when this daemon's clients have seen each running step in that state.
    private var since: [Place: Int64] = [:]
    private var roomSince: Int64 = 0

    private struct Place: Hashable {
        let operation: UID
        let step: StepName
        let object: Label?
    }

    /// Milliseconds; longer than the engine takes to call a step stalled.
    private static let patience: Int64 = 8000

    init(_ world: World, _ stage: Stage) {
        self.world = world
        self.stage = stage
    }

    private func milliseconds(since time: Int64) -> Int64 { (world.now - time) / 1_000_000 }

    // MARK: Stalled operations

    /// Law 16: an operation that makes no progress for long is shown as stalled.
    func look(_ engine: Engine?, _ open: [UID]) {
        if self.engine !== engine { since = [:] }
        self.engine = engine
        guard let engine else { return }
        var seen: [Place: Int64] = [:]
        for id in open {
            guard case .found(let operation) = engine.operation(id) else { continue }
            for place in places(operation) {
                seen[place] = since[place] ?? world.now
                guard operation.stalled == nil,
                    milliseconds(since: seen[place] ?? 0) > Promptness.patience
                else { continue }
                lookAgain(at: place, engine)
            }
        }
        since = seen
    }

    private func places(_ operation: PodOperation) -> [Place] {
        // The program of an init task may run for as long as it needs.
        operation.steps.filter {
            ($0.state == .running || $0.state == .waiting) && $0.name != .create(.taskWait)
        }.map {
            Place(operation: operation.id, step: $0.name, object: $0.object)
        }
    }

    /// Looks again later, because the end of another step removes the note for up to a second.
    private func lookAgain(at place: Place, _ engine: Engine) {
        world.after(milliseconds: 1500) { [self] in
            guard self.engine === engine, !stage.isDaemonDead,
                case .found(let operation) = engine.operation(place.operation),
                operation.stalled == nil, places(operation).contains(place)
            else { return }
            stage.end("16: \(place.step) of \(operation.kind) stopped, and shows no stall")
        }
    }

    // MARK: Lv3

    func storeHasRoom() { roomSince = world.now }

    /// A daemon becomes ready whatever hangs. Only a full store may delay it.
    func expectReady(
        _ engine: Engine, isLiving: @escaping @Loop () -> Bool, isFull: @escaping @Loop () -> Bool
    ) {
        world.after(milliseconds: 1000) { [self] in
            guard isLiving(), !engine.isReady else { return }
            if isFull() || milliseconds(since: roomSince) < 1000 {
                return expectReady(engine, isLiving: isLiving, isFull: isFull)
            }
            stage.end("Lv3: the daemon is not ready")
        }
    }

    // MARK: Exits

    /// Law 5: an exit is reported without a request, even if the daemon or the shim was away when
    /// the task ended.
    func expectExits(_ engine: () -> Engine?) async {
        let ended = Set(world.truth.keys)
        await world.sleep(milliseconds: 5000)
        for pod in engine()?.pods().pods ?? [] {
            for task in pod.tasks {
                guard let process = task.state.process, ended.contains(process.pid) else {
                    continue
                }
                stage.end("5: \(task.spec.name) of \(pod.uid) has ended, and is \(task.state)")
            }
        }
    }
}
