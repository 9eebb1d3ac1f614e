// A server on a socket of its own, and a handler with the paths that the tests need.

import Bytes
import Glibc
import HTTP
import Synchronization
import Testing

/// Polls until `condition` holds, for about `seconds` at most.
func eventually(seconds: Int = 10, _ condition: () -> Bool) -> Bool {
    for _ in 0..<(seconds * 1000) {
        if condition() { return true }
        usleep(1000)
    }
    return false
}

final class Scripted: HTTPHandler {
    let waiters = Mutex<[HTTPWaiter]>([])
    let streams = Mutex<[PushedStream]>([])
    let waitsEnded = Atomic(0)
    let waitsFinished = Atomic(0)
    let streamEnds = Mutex<[HTTPStreamEnd]>([])
    let handled = Atomic(0)
    let evicted = Atomic(0)

    func handle(_ request: HTTPRequest) -> HTTPReply {
        handled.add(1, ordering: .relaxed)
        switch request.segments?.first {
        case "wait": return .wait(wait(Double(request.query.first?.value ?? "") ?? 30))
        case "stream": return .stream(stream())
        case "echo":
            return .response(HTTPResponse(text: String(decoding: request.body, as: UTF8.self)))
        case "length": return .response(HTTPResponse(text: "\(request.body.count)"))
        case "peer": return .response(HTTPResponse(text: "\(request.peer?.pid ?? -1)"))
        case "literal":
            let body = HTTPResponse.Body.permanent(PermanentBytes("for good"))
            return .response(HTTPResponse(status: 200, body: body))
        default:
            var text = ByteBuilder()
            text.append(utf8: "\(request.method) \(request.segments ?? []) \(request.query)")
            text.append(utf8: " \(request.header("x-test") ?? "-")")
            return .response(HTTPResponse(json: text.finish(), headers: [("X-One", "1")]))
        }
    }

    func noteEviction() { evicted.add(1, ordering: .relaxed) }

    func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(status: refusal.status, text: "refused: \(refusal)")
    }

    private func wait(_ seconds: Double) -> HTTPWait {
        HTTPWait(seconds: seconds) { waiter in
            waiter.onEnd { self.waitsEnded.add(1, ordering: .relaxed) }
            self.waiters.withLock { $0.append(waiter) }
        } finish: {
            self.waitsFinished.add(1, ordering: .relaxed)
            return HTTPResponse(text: "done")
        }
    }

    private func stream() -> HTTPStream {
        let pushed = PushedStream { end in self.streamEnds.withLock { $0.append(end) } }
        streams.withLock { $0.append(pushed) }
        return pushed.stream
    }

    func nextStream() -> PushedStream? {
        _ = eventually { streams.withLock { !$0.isEmpty } }
        return streams.withLock { $0.popLast() }
    }

    func nextWaiter() -> HTTPWaiter? {
        _ = eventually { waiters.withLock { !$0.isEmpty } }
        return waiters.withLock { $0.popLast() }
    }
}

/// A stream whose source is pushed by a test.
struct PushedStream: Sendable {
    private struct State {
        var next: [HTTPStreamPull] = []
        /// Bytes that the server has asked for.
        var pulled = 0
    }

    private final class Source: Sendable {
        let state = Mutex(State())

        func pull() -> HTTPStreamPull {
            state.withLock { state in
                guard let next = state.next.first else { return .nothing }
                if case .bytes(let bytes) = next { state.pulled += bytes.count }
                state.next.removeFirst()
                return next
            }
        }
    }

    let stream: HTTPStream
    private let source = Source()

    init(_ onClose: @escaping @Sendable (HTTPStreamEnd) -> Void) {
        stream = HTTPStream(
            contentType: "application/x-ndjson", pull: { [source] in source.pull() },
            onClose: onClose)
    }

    var pulled: Int { source.state.withLock { $0.pulled } }

    @discardableResult
    func push(_ bytes: [UInt8]) -> Bool { add(.bytes(bytes)) }

    func close() { add(.end) }

    @discardableResult
    func add(_ next: HTTPStreamPull) -> Bool {
        source.state.withLock { $0.next.append(next) }
        return stream.wake()
    }
}

/// A running server. `end` stops it and checks that nothing of it is left.
struct Bench {
    private static let count = Atomic(0)
    let handler = Scripted()
    let path: String
    let server: HTTPServer
    let log = Lines()

    init(_ settings: HTTPServerSettings = HTTPServerSettings()) throws {
        let number = Bench.count.add(1, ordering: .relaxed).newValue
        path = "/tmp/staunch-http-\(getpid())-\(number)"
        server = try HTTPServer(
            listener: .unix(path: path, mode: 0o600), settings: settings, handler: handler,
            log: { [log] in log.add($0) })
    }

    func client() -> Client { Client(path) }

    func end() {
        server.stop()
        #expect(server.liveRequests == 0)
        #expect(server.openConnections == 0)
        #expect(server.openStreams == 0)
        #expect(server.waits == 0)
        _ = unsafe unlink(path)
    }
}

final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}
