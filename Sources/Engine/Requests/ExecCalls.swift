// Execs that this daemon begins, and their output for the clients.

import EventLoop
package import Host
import Kernel
package import Model
import Synchronization

/// A request for an exec, and the reading of its output. Any thread may call it.
package final class ExecCall: Sendable {
    private struct State {
        var source: (any ExecSource)?
        /// The client has gone, or nothing more will come.
        var isClosed = false
    }

    let spec: ExecSpec
    private let state = Mutex(State())
    private let wake: @Sendable () -> Void

    /// Calls `wake` when there is something to pull.
    package init(_ spec: ExecSpec, wake: @escaping @Sendable () -> Void) {
        self.spec = spec
        self.wake = wake
    }

    /// The next part of the output.
    package func pull() -> ExecPull {
        let (source, isClosed) = state.withLock { ($0.source, $0.isClosed) }
        return source?.pull() ?? (isClosed ? .end : .nothing)
    }

    /// The client has gone, which ends the exec; or the exec has ended without output.
    package func close() {
        let source = state.withLock { state in
            state.isClosed = true
            return state.source.take()
        }
        source?.close()
    }

    /// Makes the stream; `nil` if the client has gone already.
    @Loop func open(_ host: any Host) throws(SystemCallFailure) -> (any ExecSource)? {
        let source = try host.execSource(spec.input, ready: wake)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.source = source }
            return state.isClosed
        }
        if isClosed {
            source.close()
            return nil
        }
        // From the first pull on, the source tells of each part.
        wake()
        return source
    }

    /// There is more to pull, and the caller lets others have their turn.
    package func goOn() { onLoop { self.wake() } }

    /// No process will run.
    func fail() {
        close()
        wake()
    }
}

/// The calls whose operations have not begun.
final class ExecCalls: Sendable {
    private let calls = Mutex<[UID: ExecCall]>([:])

    func put(_ call: ExecCall, _ operation: UID) { calls.withLock { $0[operation] = call } }

    /// Called by the operation; `nil` if another daemon accepted it.
    func take(_ operation: UID) -> ExecCall? {
        calls.withLock { $0.removeValue(forKey: operation) }
    }
}
