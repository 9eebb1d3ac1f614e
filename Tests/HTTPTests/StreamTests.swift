import Foundation
import HTTP
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct StreamTests {
    private func open(_ bench: Bench) throws -> (Client, PushedStream) {
        let client = bench.client()
        client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        let head = try #require(bench.handler.nextStream())
        let answer = try #require(client.readHead())
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/x-ndjson")
        return (client, head)
    }

    @Test func pushedBytesArriveAndCloseEndsTheStream() throws {
        let bench = try Bench()
        let (client, stream) = try open(bench)
        for index in 0..<100 {
            Thread.detachNewThread { stream.push(Array("\(index)\n".utf8)) }
            #expect(client.readChunk() == "\(index)\n")
        }
        stream.close()
        #expect(client.readChunk() == "")
        #expect(eventually { bench.handler.streamEnds.withLock { $0 } == [.finished] })
        #expect(!stream.push([1]))
        #expect(client.get("/literal")?.status == 200, "the connection lives on")
        bench.end()
    }

    @Test func aFastProducerIsReceivedWhole() throws {
        let bench = try Bench()
        let (client, stream) = try open(bench)
        let piece = [UInt8](repeating: 120, count: 10_000)
        for _ in 0..<100 { #expect(stream.push(piece)) }
        stream.close()
        var size = 0
        while let chunk = client.readChunk(), !chunk.isEmpty { size += chunk.utf8.count }
        #expect(size == 1_000_000)
        bench.end()
    }

    @Test func aStreamPullsOnlyAsMuchAsTheClientReads() throws {
        let bench = try Bench()
        let (client, stream) = try open(bench)
        let piece = [UInt8](repeating: 120, count: 64 << 10)
        for _ in 0..<200 { #expect(stream.push(piece)) }
        stream.close()
        // The capacity of the socket, and the batch.
        let room = 1 << 20
        var received = 0
        while let chunk = client.readChunk(), !chunk.isEmpty {
            let ahead = stream.pulled - received
            #expect(ahead <= room, "\(ahead) bytes ahead of the client")
            received += chunk.utf8.count
        }
        #expect(received == 200 * piece.count)
        bench.end()
    }

    @Test func aStreamThatCannotContinueIsCutOff() throws {
        let bench = try Bench()
        let (client, stream) = try open(bench)
        stream.push([65, 10])
        #expect(client.readChunk() == "A\n")
        // The server may have cut the stream before `add` returns.
        stream.add(.cut)
        #expect(eventually { bench.handler.streamEnds.withLock { $0 } == [.cutOff] })
        #expect(eventually { bench.server.openConnections == 0 })
        #expect(!client.readToEnd().hasSuffix("0\r\n\r\n"), "it must not look complete")
        bench.end()
    }

    @Test func aClientThatHangsUpEndsAnIdleStream() throws {
        let bench = try Bench()
        let (client, stream) = try open(bench)
        stream.push([65, 10])
        #expect(client.readChunk() == "A\n")
        client.hangUp()
        #expect(eventually { bench.handler.streamEnds.withLock { $0 } == [.clientGone] })
        #expect(eventually { bench.server.openStreams == 0 && bench.server.liveRequests == 0 })
        #expect(eventually { bench.server.openConnections == 0 })
        #expect(!stream.push([65]))
        bench.end()
    }

    @Test func streamsOverTheLimitAreRefused() throws {
        let bench = try Bench(HTTPServerSettings(streamLimit: 1))
        let (client, stream) = try open(bench)
        #expect(bench.client().get("/stream")?.status == 503)
        // The test's handler still holds the refused stream. Its owner is told when the handler
        // drops it.
        _ = bench.handler.nextStream()
        #expect(eventually { bench.handler.streamEnds.withLock { $0 } == [.neverSent] })
        stream.close()
        #expect(client.readChunk() == "")
        bench.end()
    }
}
