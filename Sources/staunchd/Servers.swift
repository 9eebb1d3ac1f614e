// The listeners and their servers.

import API
import Bytes
import Engine
import HTTP
import Host
import Kernel
import Linux

/// The servers; they exist as long as the process.
struct Servers {
    private let main: HTTPServer
    private let observability: MetricsServer
    /// The address of the API; `nil` if a passed socket has no name.
    let apiAddress: UnixAddress?

    /// Passed sockets take precedence over the settings.
    init(
        _ engine: Engine, _ settings: DaemonSettings, _ passed: PassedListeners
    ) throws(StartFailure) {
        let api = try starting("the API") { () throws(SystemCallFailure) in try StaunchAPI(engine) }
        let socket = try apiListener(passed.api, settings.socket, engine.log)
        apiAddress =
            if case .unix(let address) = ListeningSocket(socket.number) { address } else { nil }
        main = try serve(socket, api, engine.log)
        observability = try MetricsServer(
            engine, passed.metrics, settings.metrics, tellsPods: settings.tellsPods)
    }
}

func serve(
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

/// The passed socket, or a new socket.
private func apiListener(
    _ passed: CInt?, _ path: String, _ log: Log
) throws(StartFailure) -> HTTPListener {
    if let passed { return HTTPListener(adopting: passed) }
    do { return try HTTPListener.unix(path: path, mode: 0o660) } catch {
        guard error == .notASocket, let aside = movedAside(path) else {
            throw StartFailure(text(error, at: path))
        }
        log.write(
            .warning, "a file that is no socket was in the socket's place",
            ["path": path, "moved": aside])
    }
    do { return try HTTPListener.unix(path: path, mode: 0o660) } catch {
        throw StartFailure(text(error, at: path))
    }
}

/// Moves away a file in the place of the socket, such as the directory that other programs make for
/// a bind mount's missing source. The socket must be there, because deletes of living pods use it.
/// The file is kept under a free name; `nil` if it cannot be moved.
private func movedAside(_ path: String) -> String? {
    for number in 1...100 {
        let name = "\(path).found-\(number)"
        do throws(SystemCallFailure) {
            if try Files.exists(name) { continue }
            try Files.rename(path, to: name)
            return name
        } catch { return nil }
    }
    return nil
}

func text(_ failure: HTTPListenFailure, at place: String) -> String {
    switch failure {
    case .pathTooLong(let limit):
        "\(place): a socket's path has at most \(limit) bytes; choose a shorter --run-dir"
    case .inUse: "\(place): another process answers there; is another staunchd running?"
    case .notASocket: "\(place): a file that is not a socket exists there; remove it"
    case .notAnAddress: "\(place): this is no numeric address"
    case .refused(let call, let errno):
        "\(SystemCallFailure(call: call, subject: place, errno: errno))"
    }
}
