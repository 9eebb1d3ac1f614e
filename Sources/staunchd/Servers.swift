// The listeners and what answers on them.

import API
import Engine
import HTTP
import Linux

/// The servers, for as long as the process is.
struct Servers {
    private let main: HTTPServer
    private let observability: HTTPServer?
    /// Where the metrics are served; `nil` where they are not.
    let metricsAddress: String?

    init(_ engine: Engine, _ settings: DaemonSettings) throws(StartFailure) {
        let api = try starting("the API") { () throws(SystemCallFailure) in try StaunchAPI(engine) }
        main = try serve(try unixListener(settings.socket), api, engine.log)
        guard let address = settings.metrics else {
            observability = nil
            metricsAddress = nil
            return
        }
        let readOnly = try starting("the metrics") { () throws(SystemCallFailure) in
            try ObservabilityAPI(engine)
        }
        let listener = try tcpListener(address)
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        metricsAddress = "\(host):\(listener.port ?? address.port)"
        observability = try serve(listener, readOnly, engine.log)
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

/// The socket that systemd passes (sd_listen_fds(3)), or one of our own.
private func unixListener(_ path: String) throws(StartFailure) -> HTTPListener {
    if Environment.value(of: "LISTEN_PID") == String(OwnProcess.pid),
        Environment.value(of: "LISTEN_FDS") == "1"
    {
        return HTTPListener(adopting: 3)
    }
    do { return try HTTPListener.unix(path: path, mode: 0o660) } catch {
        throw StartFailure(text(error, at: path))
    }
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
