import Bytes
import Glibc
import HTTP
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct RequestTests {
    @Test func keepAliveRequestsAreAnsweredInTurnOnOneConnection() throws {
        let bench = try Bench()
        let client = bench.client()
        for _ in 0..<100 {
            let answer = try #require(client.get("/a/b%20c?x=1&y"))
            #expect(answer.status == 200)
            #expect(answer.headers["x-one"] == "1")
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.body.hasPrefix(#"GET ["a", "b c"]"#))
        }
        #expect(bench.server.openConnections == 1)
        bench.end()
    }

    @Test func headersAreFoundInAnyCase() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET / HTTP/1.1\r\nHost: x\r\nX-TeSt: yes it is\r\n\r\n")
        #expect(client.read()?.body.hasSuffix(" yes it is") == true)
        bench.end()
    }

    @Test func thePeerIsTheProcessThatConnected() throws {
        let bench = try Bench()
        #expect(bench.client().get("/peer")?.body == "\(getpid())")
        bench.end()
    }

    @Test(arguments: [0, 1, 5_000, 70_000, 1 << 20])
    func aBodyArrivesWhole(size: Int) throws {
        let bench = try Bench()
        let client = bench.client()
        let body = String(repeating: "y", count: size)
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n" + body)
        #expect(client.read()?.body == body)
        #expect(client.get("/literal")?.body == "for good")
        bench.end()
    }

    @Test func aChunkedBodyArrivesWhole() throws {
        let bench = try Bench()
        let client = bench.client()
        let head = "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n")
        #expect(client.read()?.body == "abcdefgh")
        #expect(client.get("/literal")?.status == 200)
        bench.end()
    }

    @Test(arguments: ["PUT", "POST", "PATCH", "DELETE"])
    func aBodyThatIsAnnouncedTooLongIsRefusedAtOnce(method: String) throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("\(method) /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")
        let answer = try #require(client.read())
        #expect(answer.status == 413)
        #expect(answer.body == "refused: bodyTooLarge(limit: 1048576)")
        #expect(client.sawEnd())
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test func aChunkedBodyIsRefusedAsSoonAsItIsTooLong() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "4000\r\n" + String(repeating: "z", count: 0x4000) + "\r\n"
        var sent = 0
        while sent < 1000, client.send(chunk) { sent += 1 }
        #expect(sent < 200, "the server took far more than its limit")
        #expect(client.read()?.status == 413)
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test func headIsLikeGetWithoutABody() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("HEAD /literal HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.read(bodyless: true)?.headers["content-length"] == "8")
        #expect(client.get("/literal")?.body == "for good")
        client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.read(bodyless: true)?.status == 200)
        #expect(eventually { bench.handler.streamEnds.withLock { $0.count } == 1 })
        bench.end()
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let bench = try Bench()
        let client = bench.client()
        var text = ""
        for index in 0..<50 {
            text += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\(index + 10)"
        }
        client.send(text)
        for index in 0..<50 { #expect(client.read()?.body == "\(index + 10)") }
        bench.end()
    }

    @Test func anOldClientIsAnsweredAndClosed() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET /literal HTTP/1.0\r\n\r\n")
        #expect(client.readToEnd().hasSuffix("for good"))
        bench.end()
    }

    @Test(arguments: ["/%", "/%4", "/%zz", "/%00", "/%ff", "/a?x=%g0", "/a?%00", "x"])
    func whatCannotBeDecodedIsRefused(target: String) throws {
        let bench = try Bench()
        let client = bench.client()
        #expect(client.get(target)?.status == 400)
        #expect(bench.handler.handled.load(ordering: .relaxed) == 0)
        bench.end()
    }

    @Test func targetsAreParsed() {
        func segments(_ target: String) -> [String]? {
            HTTPRequest(method: "GET", target: target).segments
        }
        #expect(segments("/") == [])
        #expect(segments("/a/") == ["a", ""])
        #expect(segments("//") == ["", ""])
        #expect(segments("/a%2Fb/%C3%A4+") == ["a/b", "ä+"])
        #expect(segments("http://host:1/v1/pods?x") == ["v1", "pods"])
        #expect(segments("*") == nil)
        let query = HTTPRequest(method: "GET", target: "/?a=b%26+c&&d&=e&f=g=h").query
        #expect(query.map(\.name) == ["a", "d", "", "f"])
        #expect(query.map(\.value) == ["b& c", nil, "e", "g=h"])
    }
}
