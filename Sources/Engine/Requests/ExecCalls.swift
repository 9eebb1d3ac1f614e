// Execs that this daemon begins, and their streams to the clients.

import EventLoop
package import Host
import Kernel
package import Model
import ShimProtocol
import Synchronization

/// A request for an exec, and the client's end of it. Any thread may call it.
package final class ExecCall: Sendable {
    private enum Client: Sendable {
        /// The daemon reads the output for it.
        case read
        /// Its connection becomes the exec's stream, when the server has given it up.
        case connection
        /// It comes later, if it does; the descriptors are those of the input.
        case later(any ExecPassing)
    }

    private struct State {
        var source: (any ExecSource)?
        var connection: (any ExecConnection)?
        var connecting: CheckedContinuation<Void, Never>?
        /// The client has gone, or nothing more will come.
        var isClosed = false
    }

    /// What the shim gets.
    struct Opened {
        let passed: any ExecPassing
        let stream: WireStream?
    }

    let spec: ExecSpec
    private let client: Client
    private let state = Mutex(State())
    private let wake: @Sendable () -> Void

    /// An exec whose output is pulled. Calls `wake` when there is something to pull.
    package init(_ spec: ExecSpec, wake: @escaping @Sendable () -> Void) {
        self.spec = spec
        self.wake = wake
        client = .read
    }

    /// An exec whose client's connection comes with `connected`.
    package init(connecting spec: ExecSpec) {
        self.spec = spec
        wake = {}
        client = .connection
    }

    /// An exec that is kept and has no client yet. `passed` is its input, if the request has one.
    package init(detached spec: ExecSpec, _ passed: any ExecPassing) {
        self.spec = spec
        wake = {}
        client = .later(passed)
    }

    /// The whole standard input, if the request has it.
    package var input: [UInt8]? { spec.input }

    var wireInput: WireExec.Input {
        if spec.input != nil { return .file }
        if case .read = client { return .empty }
        return .stream
    }

    /// The next part of the output.
    package func pull() -> ExecPull {
        let (source, isClosed) = state.withLock { ($0.source, $0.isClosed) }
        return source?.pull() ?? (isClosed ? .end : .nothing)
    }

    /// The server has given up the client's connection.
    package func connected(_ connection: any ExecConnection) {
        let waiting = state.withLock { state in
            state.connection = connection
            return state.connecting.take()
        }
        waiting?.resume()
    }

    /// The client has gone, which ends the exec unless it is kept; or the exec has ended without
    /// output.
    package func close() {
        let (source, waiting) = state.withLock { state in
            state.isClosed = true
            return (state.source.take(), state.connecting.take())
        }
        source?.close()
        waiting?.resume()
    }

    /// Makes the stream, or waits for it; `nil` if the client has gone already.
    @Loop func open(_ host: any Host) async throws(SystemCallFailure) -> Opened? {
        switch client {
        case .read: return try openSource(host).map { Opened(passed: $0, stream: .daemon) }
        case .later(let passed): return Opened(passed: passed, stream: nil)
        case .connection:
            await withCheckedContinuation { waiting in
                let isOver = state.withLock { state in
                    if state.connection != nil || state.isClosed { return true }
                    state.connecting = waiting
                    return false
                }
                if isOver { waiting.resume() }
            }
            return state.withLock { $0.connection }.map { Opened(passed: $0, stream: $0.stream) }
        }
    }

    @Loop private func openSource(
        _ host: any Host
    ) throws(SystemCallFailure) -> (any ExecSource)? {
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
