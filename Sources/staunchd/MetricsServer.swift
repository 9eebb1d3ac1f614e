// /metrics, /healthz and /readyz over TCP. No pod depends on them, so the daemon starts without
// them. If the address is not available, it is retried until it is (law 25).

import API
import Bytes
import Engine
import HTTP
import Host
import Kernel
import Linux
import Synchronization

/// Serves from `init`, or as soon as possible, until the process ends.
final class MetricsServer: Sendable {
    /// Milliseconds between two attempts.
    private static let pause: Int64 = 1000

    private let engine: Engine
    private let api: ObservabilityAPI
    private let server = Mutex<HTTPServer?>(nil)

    /// Takes over `passed`. Without a socket and an address nothing is served.
    init(
        _ engine: Engine, _ passed: CInt?, _ address: ListenAddress?, tellsPods: Bool
    ) throws(StartFailure) {
        self.engine = engine
        api = try starting("the metrics") { () throws(SystemCallFailure) in
            try ObservabilityAPI(engine, tellsPods: tellsPods)
        }
        if let passed {
            let listener = HTTPListener(adopting: passed)
            let name = listener.port.map { "passed:\($0)" } ?? "passed"
            begin(listener, name)
        } else if let address, let failure = listen(on: address) {
            throw StartFailure(
                text(failure, at: address.text(port: nil))
                    + "; choose another --metrics-listen, or off")
        }
    }

    /// Listens now, or retries later. Returns the failure if retrying cannot help.
    private func listen(on address: ListenAddress) -> HTTPListenFailure? {
        do {
            let listener = try HTTPListener.tcp(host: address.host, port: address.port)
            let name = address.text(port: listener.port)
            begin(listener, name)
        } catch {
            if error == .notAnAddress { return error }
            let place = address.text(port: nil)
            wait(for: place, text(error, at: place))
        }
        if isServing { return nil }
        engine.after(milliseconds: MetricsServer.pause) { _ = self.listen(on: address) }
        return nil
    }

    private var isServing: Bool { server.withLock { $0 != nil } }

    private func begin(_ listener: consuming HTTPListener, _ name: String) {
        do throws(StartFailure) {
            let made = try serve(listener, api, engine.log)
            server.withLock { $0 = made }
        } catch { return wait(for: name, error.description) }
        note(.serving(address: name))
    }

    private func wait(for place: String, _ why: String) {
        note(.waiting(address: place, why: why))
    }

    /// Logs each change once.
    private func note(_ status: ListenerStatus) {
        let former = engine.noteMetricsListener(status)
        switch status {
        case former, .off: break
        case .waiting(_, let why):
            engine.log.write(.warning, "the metrics are not served yet", ["why": why])
        case .serving(let address):
            guard case .waiting = former else { break }
            engine.log.write(.info, "the metrics are served", ["address": address])
        }
    }
}

extension ListenAddress {
    fileprivate func text(port actual: UInt16?) -> String {
        "\(host.has(":") ? "[\(host)]" : host):\(actual ?? port)"
    }
}
