// A server that echoes requests, waits, and streams.

import Bytes
import Glibc
import HTTP
import Synchronization

final class Echo: HTTPHandler {
    /// The received requests, one line each.
    let seen = Mutex<[String]>([])

    func handle(_ request: HTTPRequest) -> HTTPReply {
        let headers = request.headers.map { "\($0.name.lowercased())=\($0.value)" }.sorted()
        let body = String(decoding: request.body, as: UTF8.self)
        seen.withLock { $0.append("\(request.method) \(request.path) \(headers) \(body)") }
        switch request.segments?.first {
        case "wait":
            return .wait(
                HTTPWait(seconds: 30) { _ in
                } finish: {
                    HTTPResponse(text: "late")
                })
        case "stream":
            let count = Mutex(0)
            return .stream(
                HTTPStream(contentType: "text/plain") {
                    count.withLock { count in
                        defer { count += 1 }
                        return count < 3 ? .bytes(Array("\(count)\n".utf8)) : .nothing
                    }
                })
        case "teapot": return .response(HTTPResponse(status: 418, text: body))
        default:
            return .response(HTTPResponse(text: body, headers: [("X-One", "1"), ("X-Two", " 2 ")]))
        }
    }
}

/// A running server on a socket of its own.
struct Bench {
    private static let count = Atomic(0)
    let handler = Echo()
    let path: String
    private let server: HTTPServer

    init() throws {
        let number = Bench.count.add(1, ordering: .relaxed).newValue
        path = "/tmp/staunch-client-\(getpid())-\(number)"
        server = try HTTPServer(listener: .unix(path: path, mode: 0o600), handler: handler)
    }

    var connections: Int { server.openConnections }

    func end() {
        server.stop()
        _ = unsafe unlink(path)
    }
}
