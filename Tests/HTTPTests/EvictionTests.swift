// Many clients that send nothing, or little. A new client is served at once, and the server closes
// working connections last.

import Foundation
import HTTP
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct EvictionTests {
    /// The median answer time of several new clients, in milliseconds.
    private func medianAnswer(_ bench: Bench) -> Double {
        let times = (0..<9).map { _ -> Double in
            let begin = ContinuousClock.now
            #expect(bench.client().get("/literal")?.status == 200)
            return (ContinuousClock.now - begin) / .milliseconds(1)
        }
        return times.sorted()[times.count / 2]
    }

    @Test func silentConnectionsAreEvictedOldestFirst() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 50, idleTimeoutSeconds: 60))
        let clients = (0..<400).map { _ in bench.client() }
        #expect(medianAnswer(bench) < 100)
        #expect(eventually { bench.server.openConnections <= 50 })
        #expect(clients[0].sawEnd() && clients[300].sawEnd())
        #expect(clients[399].get("/literal")?.status == 200, "the last ones are still there")
        #expect(bench.handler.evicted.load(ordering: .relaxed) >= 350)
        bench.end()
    }

    @Test func slowHeadsDelayNoOtherClient() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 50, idleTimeoutSeconds: 60))
        let clients = (0..<100).map { _ in bench.client() }
        for byte in "GET /literal HTTP/1.1\r\nX-Long: ab".utf8 {
            for client in clients { client.send([byte]) }
            #expect(bench.client().get("/literal")?.status == 200)
        }
        #expect(medianAnswer(bench) < 100)
        bench.end()
    }

    @Test func silentConnectionsAreEvictedBeforeAnIncomingBody() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 8, idleTimeoutSeconds: 60))
        let sender = bench.client()
        sender.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        for digit in 0..<9 {
            sender.send("\(digit)")
            #expect(eventually { bench.server.liveRequests == 1 })
            var clients = (0..<20).map { _ in bench.client() }
            #expect(bench.client().get("/literal")?.status == 200)
            clients = []
            #expect(clients.isEmpty)
        }
        sender.send("9")
        #expect(sender.read()?.body == "0123456789")
        bench.end()
    }

    @Test func aBodyWithoutProgressIsEvictedFirst() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 8, idleTimeoutSeconds: 60))
        let clock = bench.client()
        let senders = (0..<7).map { _ in bench.client() }
        let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
        for (index, sender) in senders.enumerated() {
            sender.send(head + "a")
            #expect(eventually { bench.server.liveRequests == index + 1 })
        }
        for sender in senders.dropLast() { sender.send("b") }
        // The second answer comes from a later turn of the loop than the read of those bytes.
        for _ in 0..<2 { #expect(clock.get("/literal")?.status == 200) }
        #expect(bench.client().get("/literal")?.status == 200)
        #expect(senders.last?.sawEnd() == true)
        for sender in senders.dropLast() {
            sender.send("c")
            #expect(sender.read()?.body == "abc")
        }
        bench.end()
    }

    @Test func connectionsWithUnreadAnswersAreEvicted() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 4, idleTimeoutSeconds: 60))
        let size = 900_000
        let body = String(repeating: "y", count: size)
        let deaf = (0..<4).map { _ in bench.client() }
        for client in deaf {
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n" + body)
        }
        #expect(eventually { bench.handler.handled.load(ordering: .relaxed) == 4 })
        #expect(medianAnswer(bench) < 100)
        bench.end()
    }

    @Test func waitsAndStreamsAreNotEvicted() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 4, idleTimeoutSeconds: 60))
        var waiting: [Client] = []
        for count in 1...10 {
            waiting.append(bench.client())
            waiting.last?.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(eventually { bench.server.waits == count })
        }
        let streaming = bench.client()
        streaming.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        let stream = try #require(bench.handler.nextStream())
        let clients = (0..<50).map { _ in bench.client() }
        #expect(medianAnswer(bench) < 100)
        #expect(clients[0].sawEnd())
        #expect(bench.server.waits == 10)
        stream.push(Array("still here\n".utf8))
        #expect(streaming.readHead()?.status == 200)
        #expect(streaming.readChunk() == "still here\n")
        while let waiter = bench.handler.waiters.withLock({ $0.popLast() }) { waiter.resume() }
        for client in waiting { #expect(client.read()?.body == "done") }
        bench.end()
    }

    @Test func newConnectionsDoNotEvictEachOther() throws {
        let bench = try Bench(HTTPServerSettings(connectionLimit: 40, idleTimeoutSeconds: 60))
        let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"
        var senders: [Client] = []
        for count in 1...40 {
            senders.append(bench.client())
            senders.last?.send(head)
            #expect(eventually { bench.server.liveRequests == count })
        }
        let newcomers = (0..<10).map { _ in bench.client() }
        for newcomer in newcomers { #expect(newcomer.get("/literal")?.status == 200) }
        #expect(bench.handler.evicted.load(ordering: .relaxed) == 10)
        bench.end()
    }

    @Test func fewDescriptorsMeanFewConnections() {
        let whole = HTTPServerSettings()
        let few = whole.fitting(descriptors: 1024)
        #expect(few.connectionLimit == 128 && few.waitLimit == 128 && few.streamLimit == 64)
        let many = whole.fitting(descriptors: 20_000)
        #expect(many.connectionLimit == 1024 && many.waitLimit == 2048)
        let asked = HTTPServerSettings(connectionLimit: 4, waitLimit: 2, streamLimit: 1)
            .fitting(descriptors: 1024)
        #expect(asked.connectionLimit == 4 && asked.waitLimit == 2 && asked.streamLimit == 1)
    }
}
