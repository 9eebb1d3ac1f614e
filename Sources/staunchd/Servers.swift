// The listeners and what answers on them.

import API
import Bytes
import Engine
import HTTP
import Linux

/// The servers, for as long as the process is.
struct Servers {
    private let main: HTTPServer
    private let observability: HTTPServer?
    /// Where the metrics are served; `nil` where they are not.
    let metricsAddress: String?
    /// Where the API is; `nil` for a socket without a name, which somebody may have passed.
    let apiAddress: UnixAddress?

    /// What was passed goes before what the settings name.
    init(
        _ engine: Engine, _ settings: DaemonSettings, _ passed: PassedListeners
    ) throws(StartFailure) {
        let api = try starting("the API") { () throws(SystemCallFailure) in try StaunchAPI(engine) }
        let socket = try apiListener(passed.api, settings.socket)
        apiAddress =
            if case .unix(let address) = ListeningSocket(socket.number) { address } else { nil }
        main = try serve(socket, api, engine.log)
        guard let (listener, name) = try metricsListener(passed.metrics, settings.metrics) else {
            observability = nil
            metricsAddress = nil
            return
        }
        let readOnly = try starting("the metrics") { () throws(SystemCallFailure) in
            try ObservabilityAPI(engine)
        }
        metricsAddress = name
        observability = try serve(HTTPListener(adopting: listener), readOnly, engine.log)
    }
}

private func serve(
    _ listener: consuming HTTPListener, _ handler: any HTTPHandler, _ log: Log
) throws(StartFailure) -> HTTPServer {
    do {
        return try HTTPServer(listener: listener, handler: handler) { line in
            log.write(.debug, "libmicrohttpd", ["text": line])
        }
    } catch {
        throw StartFailure("the HTTP server does not start: \(error)")
    }
}

/// The socket that was passed, or one of our own.
private func apiListener(
    _ passed: CInt?, _ path: String
) throws(StartFailure) -> HTTPListener {
    if let passed { return HTTPListener(adopting: passed) }
    do { return try HTTPListener.unix(path: path, mode: 0o660) } catch {
        throw StartFailure(text(error, at: path))
    }
}

/// The listener's number, which is the caller's, and what to call it; `nil` where none is wanted.
private func metricsListener(
    _ passed: CInt?, _ address: ListenAddress?
) throws(StartFailure) -> (number: CInt, name: String)? {
    if let passed {
        let listener = HTTPListener(adopting: passed)
        let name = listener.port.map { "passed:\($0)" } ?? "passed"
        return (listener.release(), name)
    }
    guard let address else { return nil }
    let listener = try tcpListener(address)
    let host = address.host.has(":") ? "[\(address.host)]" : address.host
    let name = "\(host):\(listener.port ?? address.port)"
    return (listener.release(), name)
}

private func tcpListener(_ address: ListenAddress) throws(StartFailure) -> HTTPListener {
    do { return try HTTPListener.tcp(host: address.host, port: address.port) } catch {
        throw StartFailure(
            text(error, at: "\(address.host):\(address.port)")
                + "; choose another --metrics-listen, or off")
    }
}

private func text(_ failure: HTTPListenFailure, at place: String) -> String {
    switch failure {
    case .pathTooLong(let limit):
        "\(place): a socket's path has at most \(limit) bytes; choose a shorter --run-dir"
    case .inUse: "\(place): somebody answers there already; is another staunchd running?"
    case .notASocket: "\(place): a file that is no socket stands there; remove it"
    case .notAnAddress: "\(place): this is no numeric address"
    case .refused(let call, let errno):
        "\(SystemCallFailure(call: call, subject: place, errno: errno))"
    }
}
