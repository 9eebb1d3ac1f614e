// Connections of clients to ports of pods.

import EventLoop
package import Host
import Kernel
package import Model
import Synchronization

/// A connection to a port of a pod, from the request to the client. Any thread may call it.
package final class PortRequest: Sendable {
    private struct State {
        var forward: (any PortForward)?
        var outcome: PortOutcome?
    }

    private let state = Mutex(State())

    /// `nil` as long as it is not known.
    package var outcome: PortOutcome? { state.withLock { $0.outcome } }

    @Loop fileprivate func begin(
        _ pod: UID, _ shim: ProcessIdentity, _ port: UInt16, _ host: any Host,
        _ decided: @escaping @Sendable () -> Void
    ) {
        do throws(SystemCallFailure) {
            let forward = try host.forward(pod, shim, port: port) { [weak self] in
                self?.learn()
                decided()
            }
            state.withLock { $0.forward = forward }
        } catch {
            state.withLock { $0.outcome = .refused(error.description) }
            decided()
        }
    }

    private func learn() {
        let found = state.withLock { $0.forward }?.outcome() ?? .refused("the helper has ended")
        state.withLock { $0.outcome = found }
    }

    /// Gives the port its client. The caller may close its descriptor at once.
    package func give(_ connection: CInt, early: [UInt8]) {
        state.withLock { $0.forward.take() }?.give(connection, early: early)
    }

    /// The client has gone.
    package func close() { state.withLock { $0.forward.take() }?.close() }
}

extension Engine {
    /// Begins to connect to a port on the loopback addresses of a pod. Calls `decided` when the
    /// outcome is known.
    package func forward(
        _ name: Label, port: UInt16, decided: @escaping @Sendable () -> Void
    ) throws(Refusal) -> PortRequest {
        guard let pod = pod(name) else { throw .podUnknown(name) }
        guard pod.state == .ready, let shim = pod.shim else { throw .podState(pod.state) }
        let request = PortRequest()
        onLoop { [host] in request.begin(pod.uid, shim.process, port, host, decided) }
        return request
    }
}
