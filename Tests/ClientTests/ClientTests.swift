// The client over libcurl, against our own server.

import Client
import Foundation
import HTTP
import JSON
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct ClientTests {
    @Test(
        "a request arrives as it was made",
        arguments: [
            (Request("GET", "/x?a=b"), "GET /x", ""),
            (Request("PUT", "/x", body: Array("{}".utf8)), "PUT /x", "{}"),
            (Request("DELETE", "/x"), "DELETE /x", ""),
            (Request("POST", "/x"), "POST /x", ""),
            (Request("PATCH", "/x", body: Array("[1]".utf8)), "PATCH /x", "[1]"),
        ])
    func requests(_ request: Request, _ start: String, _ body: String) throws {
        let bench = try Bench()
        defer { bench.end() }
        var request = request
        request.headers.append(("Operation-Id", "4711"))
        let answer = try HTTPClient(.unix(bench.path)).send(request)
        #expect(answer.status == 200)
        #expect(answer.text == body)
        #expect(answer[header: "x-one"] == "1")
        #expect(answer[header: "x-two"] == "2")
        let line = try #require(bench.handler.seen.withLock { $0.first })
        #expect(line.hasPrefix(start))
        #expect(line.contains("operation-id=4711"))
        #expect(line.contains("content-type=application/json") == !body.isEmpty)
        #expect(!line.contains("expect="))
        #expect(!line.contains("x-www-form-urlencoded"))
    }

    @Test("a client keeps its connection")
    func keepsAlive() throws {
        let bench = try Bench()
        defer { bench.end() }
        let client = HTTPClient(.unix(bench.path))
        for number in 0..<20 {
            let answer = try client.send(
                Request(number.isMultiple(of: 2) ? "GET" : "POST", "/\(number)"))
            #expect(answer.status == 200)
        }
        #expect(bench.connections == 1)
    }

    @Test("any status is an answer")
    func statuses() throws {
        let bench = try Bench()
        defer { bench.end() }
        let body = Array(#"{"code": "short-and-stout"}"#.utf8)
        let answer = try HTTPClient(.unix(bench.path)).send(
            Request("PUT", "/teapot", body: body))
        #expect(answer.status == 418)
        #expect(try answer.json()["code"]?.string == "short-and-stout")
    }

    @Test("a client that runs out of patience hangs up, and may ask again")
    func patience() throws {
        let bench = try Bench()
        defer { bench.end() }
        let client = HTTPClient(.unix(bench.path))
        #expect(throws: ClientFailure.tookTooLong) {
            try client.send(Request("GET", "/wait", patience: 0.05))
        }
        #expect(try client.send(Request("GET", "/x")).status == 200)
    }

    @Test("a canceled request ends")
    func canceled() throws {
        let bench = try Bench()
        defer { bench.end() }
        let isOff = Atomic(false)
        let client = HTTPClient(.unix(bench.path)) { isOff.load(ordering: .relaxed) }
        Thread.detachNewThread {
            while bench.handler.seen.withLock({ $0.isEmpty }) { usleep(1000) }
            isOff.store(true, ordering: .relaxed)
        }
        #expect(throws: ClientFailure.canceled) { try client.send(Request("GET", "/wait")) }
    }

    @Test(
        "a refused connection differs from a request that may have arrived",
        arguments: [
            Endpoint.unix("/tmp/staunch-client-of-nobody"), .tcp(host: "127.0.0.1", port: 1),
        ])
    func unreachable(_ endpoint: Endpoint) {
        let failure = #expect(throws: ClientFailure.self) {
            try HTTPClient(endpoint).send(Request("GET", "/"))
        }
        guard case .unreachable = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test("a stream is delivered as it arrives, until the reader stops it")
    func streams() throws {
        let bench = try Bench()
        defer { bench.end() }
        var text = ""
        #expect(throws: ClientFailure.canceled) {
            try HTTPClient(.unix(bench.path)).stream(Request("GET", "/stream")) { bytes in
                text += String(decoding: bytes, as: UTF8.self)
                return !text.contains("2\n")
            }
        }
        #expect(text == "0\n1\n2\n")
    }

    @Test("a request is answered over TCP")
    func tcp() throws {
        let listener = try HTTPListener.tcp(host: "127.0.0.1", port: 0)
        let bound = listener.port
        let port = try #require(bound)
        let server = try HTTPServer(listener: listener, handler: Echo())
        defer { server.stop() }
        let client = HTTPClient(.tcp(host: "127.0.0.1", port: port))
        #expect(try client.send(Request("GET", "/x")).status == 200)
    }
}
