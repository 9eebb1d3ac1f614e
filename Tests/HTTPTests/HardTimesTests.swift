import Foundation
import HTTP
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct HardTimesTests {
    @Test func aClientThatLeavesAtAnyByteLeavesNothingBehind() throws {
        let bench = try Bench()
        let request =
            "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabcdef"
            + "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
        for length in 0...request.utf8.count {
            let client = bench.client()
            client.send(Array(request.utf8.prefix(length)))
            client.hangUp()
        }
        let bytes = bench.client()
        bytes.send("GET /stay HTTP/1.1\r\n")
        #expect(eventually { bench.server.liveRequests == 1 }, "a blind counter proves nothing")
        bytes.hangUp()
        #expect(eventually { bench.server.liveRequests == 0 && bench.server.openConnections == 0 })
        #expect(bench.server.waits == 0)
        bench.end()
    }

    @Test func aSilentClientIsClosed() throws {
        let bench = try Bench(HTTPServerSettings(idleTimeoutSeconds: 1))
        let silent = bench.client()
        let halfway = bench.client()
        halfway.send("GET /x HTTP/1.1\r\nHost:")
        #expect(silent.sawEnd())
        _ = halfway.readToEnd()
        #expect(eventually { bench.server.openConnections == 0 && bench.server.liveRequests == 0 })
        bench.end()
    }

    @Test func headersThatAreTooLongAreRefused() throws {
        let bench = try Bench()
        let client = bench.client()
        let long = String(repeating: "h", count: 40_000)
        client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Long: \(long)\r\n\r\n")
        let status = client.read()?.status
        #expect(status == 431 || status == 413 || status == 414)
        #expect(bench.client().get("/literal")?.status == 200)
        bench.end()
    }

    @Test func afterAFloodOfConnectionsOthersAreServed() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 500, idleTimeoutSeconds: 2))
        let path = bench.path
        let begin = ContinuousClock.now
        // The backlog is bounded, and connect(2) waits if it is full. So a few threads connect.
        let most = Peak()
        let floods = (0..<8).map { _ in
            Thread {
                var held: [Client] = []
                for index in 0..<1250 {
                    let client = Client(path)
                    client.send("GET /literal HTTP/1.1\r\nHost: x\r\n")
                    held.append(client)
                    most.saw(bench.server.openConnections)
                    if index % 250 == 249 { held = [] }
                }
                most.finished()
            }
        }
        for flood in floods { flood.start() }
        #expect(eventually(seconds: 100) { most.threads == floods.count })
        #expect(most.value <= 564, "the limit, and the evicted connections")
        #expect(eventually { bench.client().get("/literal")?.status == 200 })
        #expect(eventually { bench.server.openConnections == 0 })
        #expect(ContinuousClock.now - begin < .seconds(110))
        bench.end()
    }

    @Test func listenersReplaceOnlyStaleSocketFiles() throws {
        let path = "/tmp/staunch-listen-\(getpid())"
        defer { _ = unsafe unlink(path) }
        do {
            let first = try HTTPListener.unix(path: path, mode: 0o660)
            var status = stat()
            #expect(unsafe lstat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
            #expect(throws: HTTPListenFailure.inUse) { _ = try HTTPListener.unix(path: path) }
            _ = first.number
        }
        _ = try HTTPListener.unix(path: path)
        _ = unsafe unlink(path)
        try Data("precious".utf8).write(to: URL(filePath: path))
        #expect(throws: HTTPListenFailure.notASocket) { _ = try HTTPListener.unix(path: path) }
        #expect(throws: HTTPListenFailure.pathTooLong(limit: 107)) {
            _ = try HTTPListener.unix(path: "/" + String(repeating: "p", count: 107))
        }
        #expect(throws: HTTPListenFailure.notAnAddress) {
            _ = try HTTPListener.tcp(host: "example.com", port: 0)
        }
    }

    @Test func tcpIsServedToo() throws {
        let listener = try HTTPListener.tcp(host: "127.0.0.1", port: 0)
        let port = listener.port ?? 0
        let server = try HTTPServer(listener: listener, handler: Scripted())
        #expect(Client(port: port).get("/peer")?.body == "-1")
        server.stop()
        #expect(server.openConnections == 0)
    }
}

final class Peak: @unchecked Sendable {
    private let lock = NSLock()
    private var highest = 0
    private var done = 0
    var value: Int { lock.withLock { highest } }
    var threads: Int { lock.withLock { done } }
    func saw(_ value: Int) { lock.withLock { highest = max(highest, value) } }
    func finished() { lock.withLock { done += 1 } }
}
