// Once the manifest is verified, only a refusal, wrong content, a full disk or a signal ends a
// fetch.

import Foundation
import Images
import JSON
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct Blobs {
    private let bench: FetchBench
    private let image = FakeImage(layers: [1_000_000])

    init() throws { bench = try FetchBench() }

    private var layer: FakeBlob { image.layers[0] }

    /// A registry whose answers to requests for the layer are `answer`'s, with the index of the
    /// request counted from 0; `nil` is the usual one.
    private func registry(
        _ answer: @escaping @Sendable (Int, ReceivedRequest) -> [Act]?
    ) throws -> FakeRegistry {
        let name = layer.digest.text
        let count = Mutex(0)
        return try FakeRegistry(image) { request in
            guard request.path.hasSuffix(name) else { return nil }
            let index = count.withLock { count in
                defer { count += 1 }
                return count
            }
            return answer(index, request)
        }
    }

    private func start(_ registry: FakeRegistry, _ options: [String] = []) throws -> RunningFetch {
        try bench.configure(registry.server.authority)
        return try bench.start("\(registry.server.authority)/team/app:v", options)
    }

    private func fetch(
        _ registry: FakeRegistry, _ options: [String] = [], prefix: String? = nil
    ) throws -> FetchResult {
        try bench.configure(registry.server.authority)
        return try bench.fetch("\(registry.server.authority)/team/app:v", options, prefix: prefix)
    }

    private func end(_ registry: FakeRegistry) {
        registry.server.end()
        bench.end()
    }

    /// The layer is there, and each of its bytes came once unless `received` says otherwise.
    private func expectWhole(_ result: FetchResult, received: Int? = nil) throws {
        #expect(result.exit == 0, "\(result.text) \(result.messages)")
        #expect(try bench.bytes("ingest/\(layer.digest.hex)") == layer.bytes)
        #expect(try bench.names("ingest") == [layer.digest.hex])
        let row = result.blob(layer)
        #expect(row?["state"]?.string == "whole")
        #expect(row?["received"]?.integer == Int64(received ?? layer.bytes.count))
    }

    @Test("after each cut the blob goes on at the byte that was reached", arguments: [true, false])
    func cuts(isReset: Bool) throws {
        let bytes = layer.bytes
        let registry = try registry { _, request in
            FakeRegistry.cut(
                bytes, request, after: 300_000, then: isReset ? .reset : .send([]))
        }
        defer { end(registry) }
        let result = try fetch(registry)
        let starts = registry.blobRequests(layer).map(\.rangeStart)
        // A reset may cost what the kernel had not handed over yet, but nothing twice.
        if !isReset { #expect(starts == [nil, 300_000, 600_000, 900_000]) }
        try expectWhole(result)
    }

    @Test("a server that stops sending is asked again, at the byte that was reached")
    func stalls() throws {
        let bytes = layer.bytes
        let registry = try registry { index, request in
            index < 2 ? FakeRegistry.cut(bytes, request, after: 250_000, then: .hang) : nil
        }
        defer { end(registry) }
        let result = try fetch(registry, ["--stall", "1"])
        #expect(registry.blobRequests(layer).map(\.rangeStart) == [nil, 250_000, 500_000])
        try expectWhole(result)
    }

    @Test("a server without ranges sends the whole again, and the right bytes are kept")
    func noRanges() throws {
        let bytes = layer.bytes
        let registry = try registry { index, request in
            index == 0
                ? FakeRegistry.cut(bytes, request, after: 400_000, then: .send([]))
                : Act.reply(200, [], bytes)
        }
        defer { end(registry) }
        try expectWhole(try fetch(registry), received: 1_400_000)
    }

    @Test(
        "a part that was not asked for is not used",
        arguments: [
            "bytes 0-599999/1000000", "bytes 400001-999999/1000000",
            "bytes 400000-999999/999999999",
            "bytes 400000-399999/1000000", "bytes 400000-1000000/*", "lines 1-2/3", "",
        ])
    func lyingRange(_ range: String) throws {
        let bytes = layer.bytes
        let registry = try registry { index, request in
            switch index {
            case 0: FakeRegistry.cut(bytes, request, after: 400_000, then: .send([]))
            case 1, 3: Act.reply(206, [("Content-Range", range)], Array(bytes[..<600_000]))
            case 2: FakeRegistry.cut(bytes, request, after: 500_000, then: .send([]))
            default: nil
            }
        }
        defer { end(registry) }
        let result = try fetch(registry)
        #expect(result.exit == 0, "\(result.text)")
        #expect(try bench.bytes("ingest/\(layer.digest.hex)") == bytes)
        #expect(
            registry.blobRequests(layer).map(\.rangeStart) == [nil, 400_000, nil, 500_000, nil])
    }

    @Test("416 to a range brings the whole")
    func outOfRange() throws {
        let bytes = layer.bytes
        let registry = try registry { index, request in
            switch index {
            case 0: FakeRegistry.cut(bytes, request, after: 400_000, then: .send([]))
            case 1: Act.reply(416)
            default: nil
            }
        }
        defer { end(registry) }
        try expectWhole(try fetch(registry), received: 1_400_000)
    }

    @Test(
        "a failure that may pass is waited out, and the progress says why",
        arguments: [
            (503, [("Retry-After", "1")], "answers 503"), (429, [], "answers 429"),
            (500, [], "answers 500"), (200, [("Content-Type", "text/html")], "HTML"),
            (302, [("Location", "http://127.0.0.1:1/")], "at byte 0"),
        ])
    func waiting(_ status: Int, _ headers: [(String, String)], _ reason: String) throws {
        let isUp = Atomic(false)
        let registry = try registry { _, _ in
            isUp.load(ordering: .relaxed) ? nil : Act.reply(status, headers, Array("<p>".utf8))
        }
        defer { end(registry) }
        let running = try start(registry)
        let name = layer.digest.text
        try running.until { progress in
            let row = progress["blobs"]?.elements?.first { $0["digest"]?.string == name }
            return row?["state"]?.string == "waiting"
                && row?["reason"]?.string?.contains(reason) == true
                && row?["retryAt"]?.integer ?? 0 > 1_600_000_000_000
                && row?["attempts"]?.integer ?? 0 > 1
        }
        isUp.store(true, ordering: .relaxed)
        let result = try running.wait()
        #expect(result.exit == 0, "\(result.text)")
        #expect(try bench.bytes("ingest/\(layer.digest.hex)") == layer.bytes)
    }

    @Test("a tampered blob is fetched once more")
    func tamperedOnce() throws {
        let wrong = randomBytes(layer.bytes.count, seed: 99)
        let registry = try registry { index, _ in index == 0 ? Act.reply(200, [], wrong) : nil }
        defer { end(registry) }
        try expectWhole(try fetch(registry), received: 2_000_000)
    }

    @Test(
        "wrong content ends the fetch after the second time, with nothing left of it",
        arguments: ["other", "short", "zeros and more"])
    func tamperedAlways(_ kind: String) throws {
        let size = layer.bytes.count
        let wrong =
            switch kind {
            case "other": randomBytes(size, seed: 99)
            case "short": Array(layer.bytes.dropLast())
            default: [UInt8](repeating: 0, count: size + 500_000)
            }
        let registry = try registry { _, _ in Act.reply(200, [], wrong) }
        defer { end(registry) }
        let result = try fetch(registry)
        #expect(result.exit == 1)
        #expect(result.code == "digest-mismatch", "\(result.detail)")
        #expect(registry.blobRequests(layer).count == 2)
        #expect(try bench.names("ingest") == [])
        #expect(result.blob(layer)?["fetched"]?.integer == 0)
    }

    @Test("no byte beyond the declared size is kept, and the digest decides")
    func tooLong() throws {
        let longer = layer.bytes + randomBytes(3_000_000, seed: 5)
        let registry = try registry { _, _ in Act.reply(200, [], longer) }
        defer { end(registry) }
        let result = try fetch(registry)
        #expect(result.exit == 0, "\(result.text)")
        #expect(try bench.bytes("ingest/\(layer.digest.hex)") == layer.bytes)
        #expect(registry.blobRequests(layer).count == 1)
    }

    @Test("a blob that the registry refuses ends the fetch", arguments: [404, 403, 401])
    func refused(_ status: Int) throws {
        let registry = try registry { _, _ in Act.reply(status) }
        defer { end(registry) }
        let result = try fetch(registry)
        #expect(result.exit == 1)
        #expect(result.code == (status == 404 ? "image-unknown" : "registry-unauthorized"))
    }

    @Test("a blob that the manifest names twice is fetched once")
    func once() throws {
        let blob = FakeBlob(randomBytes(50_000, seed: 3))
        let twice = FakeImage(blobs: [blob, blob, blob])
        let registry = try FakeRegistry(twice)
        defer { end(registry) }
        let result = try fetch(registry)
        #expect(result.exit == 0, "\(result.text)")
        #expect(registry.blobRequests(blob).count == 1)
        #expect(result.blobs.count == 2)
    }

    @Test("what a killed process has fetched is not fetched again")
    func killed() throws {
        let bytes = layer.bytes
        let registry = try registry { index, request in
            index < 3
                ? FakeRegistry.cut(bytes, request, after: 200_000 + index, then: .hang) : nil
        }
        defer { end(registry) }
        for number in 1...3 {
            let running = try start(registry, ["--stall", "600"])
            try running.until { progress in
                let row = progress["blobs"]?.elements?.last
                return row?["fetched"]?.integer ?? 0 >= Int64(number) * 200_000
            }
            let result = try running.end(SIGKILL)
            #expect(result.document == .object([]), "a killed process has no result")
        }
        let result = try fetch(registry)
        #expect(result.exit == 0, "\(result.text)")
        #expect(try bench.bytes("ingest/\(layer.digest.hex)") == bytes)
        #expect(result.blob(layer)?["resumed"]?.integer == 600_003)
        #expect(result.blob(layer)?["received"]?.integer == 399_997)
    }

    @Test(
        "what an earlier process has left is verified, whatever its name", arguments: [true, false])
    func verifiesExisting(isWhole: Bool) throws {
        let registry = try registry { _, _ in nil }
        defer { end(registry) }
        let name = "\(bench.home)/ingest/\(layer.digest.hex)" + (isWhole ? "" : ".part")
        var bytes = layer.bytes
        try Data(bytes).write(to: URL(fileURLWithPath: name))
        _ = unsafe chown(name, 65534, 65534)
        try expectWhole(try fetch(registry), received: 0)
        #expect(registry.blobRequests(layer).isEmpty)
        bytes[500_000] ^= 1
        try FileManager.default.removeItem(atPath: "\(bench.home)/ingest/\(layer.digest.hex)")
        try Data(bytes).write(to: URL(fileURLWithPath: name))
        _ = unsafe chown(name, 65534, 65534)
        try expectWhole(try fetch(registry))
        #expect(registry.blobRequests(layer).count == 1)
    }

    @Test("SIGTERM cancels at once, and what was fetched stays")
    func canceled() throws {
        let bytes = layer.bytes
        let registry = try registry { _, request in
            FakeRegistry.cut(bytes, request, after: 300_000, then: .hang)
        }
        defer { end(registry) }
        let running = try start(registry, ["--stall", "600"])
        try running.until { $0["blobs"]?.elements?.last?["fetched"]?.integer == 300_000 }
        kill(running.pid, SIGHUP)
        kill(running.pid, SIGPIPE)
        let result = try running.end()
        #expect(result.exit == 3)
        #expect(result.state == "canceled")
        #expect(try bench.names("ingest") == ["\(layer.digest.hex).part"])
    }

    @Test("a full disk ends the fetch")
    func noSpace() throws {
        let registry = try registry { _, _ in nil }
        defer { end(registry) }
        // RLIMIT_FSIZE: EFBIG in place of ENOSPC.
        let result = try fetch(registry, prefix: "ulimit -f 600")
        #expect(result.exit == 1)
        #expect(result.code == "no-space", "\(result.detail)")
    }
}
