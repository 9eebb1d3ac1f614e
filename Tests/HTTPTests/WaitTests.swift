import Foundation
import HTTP
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct WaitTests {
    @Test func aWaitIsResumedFromAnotherThread() throws {
        let bench = try Bench()
        let client = bench.client()
        for _ in 0..<20 {
            client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            let waiter = try #require(bench.handler.nextWaiter())
            for _ in 0..<4 { Thread.detachNewThread { waiter.resume() } }
            #expect(client.read()?.body == "done")
        }
        #expect(bench.handler.waitsEnded.load(ordering: .relaxed) == 20)
        #expect(bench.handler.waitsFinished.load(ordering: .relaxed) == 20)
        bench.end()
    }

    @Test func othersAreServedWhileOneWaits() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        let waiter = try #require(bench.handler.nextWaiter())
        #expect(bench.client().get("/literal")?.status == 200)
        #expect(bench.server.waits == 1)
        waiter.resume()
        #expect(client.read()?.status == 200)
        bench.end()
    }

    @Test func aWaitEndsWhenItsTimeIsUp() throws {
        let bench = try Bench()
        let long = bench.client()
        long.send("GET /wait?s=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try #require(bench.handler.nextWaiter())
        let client = bench.client()
        let begin = ContinuousClock.now
        #expect(client.get("/wait?s=0.3")?.body == "done")
        let took = ContinuousClock.now - begin
        #expect(took >= .milliseconds(300) && took < .seconds(5))
        #expect(client.get("/wait?s=0")?.body == "done")
        #expect(client.get("/wait?s=nan")?.body == "done")
        #expect(bench.server.waits == 1)
        bench.end()
    }

    @Test func aClientThatHangsUpEndsItsWait() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        let waiter = try #require(bench.handler.nextWaiter())
        client.hangUp()
        #expect(eventually { bench.handler.waitsEnded.load(ordering: .relaxed) == 1 })
        #expect(eventually { bench.server.liveRequests == 0 && bench.server.openConnections == 0 })
        #expect(bench.handler.waitsFinished.load(ordering: .relaxed) == 0)
        waiter.resume()
        let late = Atomic(0)
        waiter.onEnd { late.add(1, ordering: .relaxed) }
        #expect(late.load(ordering: .relaxed) == 1)
        bench.end()
    }

    @Test func aClientThatOnlyFinishedSendingIsAnswered() throws {
        let bench = try Bench()
        let client = bench.client()
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try #require(bench.handler.nextWaiter())
        client.finishSending()
        #expect(client.read()?.body == "done")
        bench.end()
    }

    @Test func waitsOverTheLimitAreAnsweredAtOnce() throws {
        let bench = try Bench(HTTPServerSettings(waitLimit: 2))
        let waiting = [bench.client(), bench.client()]
        for client in waiting { client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(eventually { bench.server.waits == 2 })
        let client = bench.client()
        #expect(client.get("/wait")?.body == "done")
        #expect(bench.server.waits == 2)
        #expect(client.get("/literal")?.status == 200)
        try #require(bench.handler.nextWaiter()).resume()
        #expect(eventually { bench.server.waits == 1 })
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { bench.server.waits == 2 })
        bench.end()
    }

    @Test func stopAnswersWaitsAndEndsStreams() throws {
        let bench = try Bench()
        let waiting = (0..<50).map { _ in bench.client() }
        for client in waiting { client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") }
        let streaming = bench.client()
        streaming.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        let idle = bench.client()
        #expect(idle.get("/literal")?.status == 200)
        let stream = try #require(bench.handler.nextStream())
        stream.push(Array("last words\n".utf8))
        #expect(streaming.readHead()?.status == 200)
        #expect(streaming.readChunk() == "last words\n")
        #expect(eventually { bench.server.waits == 50 })
        bench.end()
        for client in waiting { #expect(client.read()?.body == "done") }
        #expect(streaming.readChunk() == "")
        #expect(bench.handler.streamEnds.withLock { $0 } == [.serverStopped])
        #expect(bench.handler.waitsEnded.load(ordering: .relaxed) == 50)
        #expect(!stream.push([1]))
        bench.server.stop()
    }
}
