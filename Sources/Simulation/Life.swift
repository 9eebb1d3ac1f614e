// One daemon's life. It may end before or after any of the daemon's effects.

import Kernel
import Store
import Synchronization

/// Every effect of a daemon asks its life first. After the end of the life no effect takes place.
package final class Life: Sendable {
    private struct State {
        var effectsLeft: Int?
        var isOver = false
    }

    private let state: Mutex<State>

    /// `effects` is the number of effects before the daemon dies; `nil` if the daemon lives on.
    package init(effects: Int?) { state = Mutex(State(effectsLeft: effects)) }

    package var isOver: Bool { state.withLock { $0.isOver } }

    /// Counts a moment between two effects. Returns `false` once the life is over.
    package func goesOn() -> Bool {
        state.withLock { state in
            if let left = state.effectsLeft, !state.isOver {
                state.isOver = left <= 0
                state.effectsLeft = left - 1
            }
            return !state.isOver
        }
    }

    package func end() { state.withLock { $0.isOver = true } }

    /// From this call on, the daemon lives on.
    package func spare() { state.withLock { $0.effectsLeft = nil } }

    func check() throws(SystemCallFailure) {
        if !goesOn() { throw SystemCallFailure(call: "life", subject: "is over", errno: 108) }
    }

    func checkStore() throws(StoreFailure) {
        if !goesOn() { throw .other(code: 0, message: "the daemon is dead") }
    }
}
