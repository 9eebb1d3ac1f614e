// Heads that two readers could interpret differently, and valid heads that look similar.

import Synchronization
import Testing

@testable import HTTP

@Suite struct HeadTests {
    private static let chunks = "3\r\nabc\r\n0\r\n\r\n"

    @Test(
        "an ambiguous head is refused at once, and the connection is closed",
        arguments: [
            ("Content-Length: 3\r\nContent-Length: 4", 400),
            ("Content-Length: 4\r\nX-Other: y\r\nCONTENT-LENGTH: 3", 400),
            ("Content-Length: 3\r\nContent-Length: 3, 3", 400),
            ("Content-Length : 3", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3", 400),
            ("Content-Length: 3\r\nTransfer-Encoding: gzip", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
            ("Transfer-Encoding: chunked, chunked", 400),
            ("Transfer-Encoding:", 400),
            ("Transfer-Encoding: chunked ", 400),
            ("Content-Length: 3 ", 400),
            ("Content-Length: 3, 4", 400),
            ("Host: y", 400),
            ("Transfer-Encoding: gzip", 501),
            ("Transfer-Encoding: gzip, chunked", 501),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
            ("Transfer-Encoding: identity", 501),
            ("Transfer-Encoding: chunked;a=b", 501),
            ("Transfer-Encoding: xchunked", 501),
        ])
    func isRefused(fields: String, status: Int) throws {
        let bench = try Bench()
        for method in ["PUT", "GET"] {
            let client = bench.client()
            let start = ContinuousClock.now
            client.send("\(method) /echo HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n")
            #expect(client.readToEnd().hasPrefix("HTTP/1.1 \(status) "))
            #expect(ContinuousClock.now - start < .seconds(3), "not by the idle limit")
        }
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test(
        "a target with a NUL byte is refused, because the rest of it would be ignored",
        arguments: ["/echo\0?a=b", "/echo?a=\0", "/echo?a=b\0&c=d", "\0/echo"])
    func nulInTarget(_ target: String) throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.read()?.status == 400)
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test("a body of a refused request is not read as another request")
    func nothingIsSmuggled() throws {
        let bench = try Bench()
        let client = bench.client()
        let head =
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n"
        client.send(head + "GET /literal HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.read()?.status == 400)
        #expect(client.sawEnd())
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test("HTTP/1.0 has no Transfer-Encoding")
    func oldClient() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("PUT /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + HeadTests.chunks)
        #expect(client.read()?.status == 400)
        bench.end()
    }

    @Test(
        "an unambiguous head is served",
        arguments: [
            ("Content-Length: 3\r\nContent-Length: 3", "abc"), ("Content-Length:\t 3", "abc"),
            ("Transfer-Encoding: Chunked", chunks), ("transfer-encoding:chunked", chunks),
            ("TRANSFER-ENCODING: \tchunked", chunks),
        ])
    func isServed(fields: String, body: String) throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("PUT /echo HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n\(body)")
        #expect(client.read()?.body == "abc")
        #expect(client.get("/literal")?.status == 200)
        bench.end()
    }
}
