// The state that the main loop and the history share: the daemon's life and the verdict.

import Engine
import EventLoop
import Simulation
import Synchronization

final class Stage: Sendable {
    private struct State {
        var life: Life?
        var verdict: String?
        var history: History?
        var world: World?
        var dropped: [@Sendable () -> Void] = []
    }

    let seed: UInt64
    let isVerbose: Bool
    let keeping: Keeping
    private let state = Mutex(State())

    init(seed: UInt64, isVerbose: Bool) {
        self.seed = seed
        self.isVerbose = isVerbose
        keeping = Keeping(seed: seed)
    }

    /// `nil` until the history ends; then empty if no law was broken.
    var verdict: String? { state.withLock { $0.verdict } }

    var isDaemonDead: Bool { state.withLock { $0.life?.isOver ?? false } }

    var nextEvent: Int64 {
        state.withLock { $0.world }?.nextEvent.load(ordering: .relaxed) ?? .max
    }

    func setLife(_ life: Life?) { state.withLock { $0.life = life } }

    /// Keeps what a dead daemon waited for, because its tasks must not be unwound.
    func bury(_ timers: [@Sendable () -> Void]) { state.withLock { $0.dropped += timers } }

    func end(_ verdict: String) {
        state.withLock { if $0.verdict == nil { $0.verdict = verdict } }
    }

    @Loop func open() async {
        let world = World(seed: seed)
        let history = History(world, self)
        state.withLock { state in
            state.world = world
            state.history = history
        }
        Graveyard.keep(self)
        await history.run()
    }

    @Loop func runDue() { state.withLock { $0.world }?.runDue() }

    @Loop func sawDeath() {
        setLife(nil)
        state.withLock { $0.history }?.daemonDied()
    }
}

/// Keeps continuations that are never resumed, because each would print a warning when released.
enum Graveyard {
    private static let kept = Mutex<[Stage]>([])

    static func keep(_ stage: Stage) { kept.withLock { $0.append(stage) } }
}
