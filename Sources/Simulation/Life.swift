// One daemon's life: it ends before or after any of its effects.

import Linux
import Store
import Synchronization

/// Every effect of a daemon goes through its life, and after its end none has any.
package final class Life: Sendable {
    private struct State {
        var effectsLeft: Int?
        var isOver = false
    }

    private let state: Mutex<State>

    /// `effects` are those that it has before it dies; `nil` for a daemon that lives on.
    package init(effects: Int?) { state = Mutex(State(effectsLeft: effects)) }

    package var isOver: Bool { state.withLock { $0.isOver } }

    /// Counts a moment between two effects; `false` from the life's end on.
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

    /// From here on it lives.
    package func spare() { state.withLock { $0.effectsLeft = nil } }

    func check() throws(SystemCallFailure) {
        if !goesOn() { throw SystemCallFailure(call: "life", subject: "is over", errno: 108) }
    }

    func checkStore() throws(StoreFailure) {
        if !goesOn() { throw .other(code: 0, message: "the daemon is dead") }
    }
}
