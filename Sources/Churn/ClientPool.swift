// The clients: one thread each, which creates and deletes one pod after another.

import Linux
import Synchronization

/// One client of one target. It is used only on its own thread.
protocol PodWorker {
    /// Runs one pod from its create until it is gone. Throws only if continuing is useless.
    func cycle(_ name: String, _ workload: Workload) throws(RunFailure)
}

final class ClientPool: Sendable {
    private struct State {
        var next = 0
        var running: Int
        var dice: Dice
    }

    private let state: Mutex<State>
    private let settings: RunSettings
    private let statistics: RunStatistics
    private let interrupts: Interrupts
    private let prefix: String

    init(
        _ settings: RunSettings, _ prefix: String, _ statistics: RunStatistics,
        _ interrupts: Interrupts
    ) {
        self.settings = settings
        self.statistics = statistics
        self.interrupts = interrupts
        self.prefix = prefix
        state = Mutex(State(running: settings.clients, dice: Dice(seed: settings.seed)))
    }

    var isOver: Bool { state.withLock { $0.running == 0 } }

    /// Calls `make` on each client's own thread.
    func start(_ make: @escaping @Sendable () -> any PodWorker) {
        for _ in 0..<settings.clients {
            Thread.start {
                self.work(make())
                self.state.withLock { $0.running -= 1 }
            }
        }
    }

    private func work(_ worker: any PodWorker) {
        while let (number, workload) = take() {
            do throws(RunFailure) { try worker.cycle("\(prefix)-\(number)", workload) } catch {
                statistics.cutShort(error.description)
                return interrupts.finish()
            }
        }
    }

    private func take() -> (Int, Workload)? {
        if interrupts.shouldFinish { return nil }
        return state.withLock { state in
            switch settings.amount {
            case .pods(let limit): if state.next >= limit { return nil }
            case .seconds(let limit): if statistics.elapsed >= limit { return nil }
            }
            state.next += 1
            return (state.next, settings.mix.pick(&state.dice))
        }
    }
}
