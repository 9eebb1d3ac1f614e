// Until the manifest is verified, every failure is an answer.

import Foundation
import Images
import JSON
import Testing

@Suite(.timeLimit(.minutes(5))) struct Resolving {
    private let bench: FetchBench

    init() throws { bench = try FetchBench() }

    /// Fetches the tag `v` of a registry that is configured as plain.
    private func fetch(
        _ registry: FakeRegistry, _ options: [String] = [], suffix: String = ":v"
    ) throws -> FetchResult {
        defer {
            registry.server.end()
            bench.end()
        }
        try bench.configure(registry.server.authority)
        return try bench.fetch("\(registry.server.authority)/team/app\(suffix)", options)
    }

    @Test("an image is fetched by way of its index, and each document is kept under its digest")
    func whole() throws {
        let image = FakeImage(layers: [100_000, 1, 0, 200_000])
        let other = FakeImage(layers: [5], platform: #""os": "linux", "architecture": "arm64""#)
        let index = FakeImage.index([
            other.manifest.json(extra: #", "platform": {"os": "linux", "architecture": "arm64"}"#),
            image.manifest.json(extra: #", "platform": {"os": "linux", "architecture": "amd64"}"#),
        ])
        let registry = try FakeRegistry(image, top: index)
        try bench.configure(registry.server.authority)
        let result = try bench.fetch(
            "\(registry.server.authority)/team/app:v", ["--platform", "linux/amd64"])
        registry.server.end()
        defer { bench.end() }
        #expect(result.exit == 0, "\(result.text) \(result.messages)")
        #expect(result.document["top"]?.string == index.digest.text)
        #expect(result.document["manifest"]?.string == image.manifest.digest.text)
        #expect(result.document["config"]?.string == image.config.digest.text)
        for blob in image.layers {
            #expect(try bench.bytes("ingest/\(blob.digest.hex)") == blob.bytes)
        }
        for document in [index, image.manifest, image.config] {
            #expect(try bench.bytes("documents/\(document.digest.hex)") == document.bytes)
        }
        #expect(try bench.names("ingest") == image.layers.map(\.digest.hex).sorted())
        #expect(try bench.names("documents").count == 3)
        let states = Set(result.blobs.map { $0["state"]?.string })
        #expect(states == ["whole"])
    }

    @Test("an index without the platform is refused with the platforms that it has")
    func platforms() throws {
        let image = FakeImage(layers: [1])
        let index = FakeImage.index([
            image.manifest.json(extra: #", "platform": {"os": "linux", "architecture": "s390x"}"#),
            image.manifest.json(
                extra: #", "platform": {"os": "unknown", "architecture": "unknown"}"#),
        ])
        let result = try fetch(FakeRegistry(image, top: index), ["--platform", "linux/amd64"])
        #expect(result.exit == 1)
        #expect(result.code == "platform-unknown")
        #expect(result.detail.contains("linux/s390x"))
        #expect(!result.detail.contains("unknown/unknown"))
    }

    @Test("an image for another platform is refused by its configuration")
    func otherPlatform() throws {
        let image = FakeImage(layers: [1], platform: #""os": "linux", "architecture": "s390x""#)
        let result = try fetch(FakeRegistry(image), ["--platform", "linux/amd64"])
        #expect(result.code == "platform-unknown")
        #expect(result.blobs.last?["state"]?.string == "queued", "no layer is fetched")
    }

    @Test("a document that is no image's is refused", arguments: documents.indices)
    func badDocuments(_ index: Int) throws {
        let (what, document, code) = documents[index]
        let result = try fetch(FakeRegistry(FakeImage(layers: [1]), top: document))
        #expect(result.exit == 1)
        #expect(result.code == code, "\(what): \(result.detail)")
    }

    @Test("a manifest of 100 MB is not read to its end")
    func hugeManifest() throws {
        let piece = [UInt8](repeating: 0x20, count: 1 << 20)
        let registry = try FakeRegistry(FakeImage(layers: [1])) { request in
            guard request.path.contains("/manifests/") else { return nil }
            return [.send(Act.head(200, []))] + Array(repeating: Act.send(piece), count: 100)
        }
        let result = try fetch(registry)
        #expect(result.code == "image-invalid")
        #expect(result.detail.contains("4 MiB"))
        #expect(registry.server.bytesSent < 20 << 20)
    }

    @Test("the size that the index has for the manifest must be right")
    func wrongSize() throws {
        let image = FakeImage(layers: [1])
        let index = FakeImage.index([
            #"{"mediaType": "\#(FakeImage.manifestType)", "digest": "\#(image.manifest.digest)", "#
                + #""size": 5, "platform": {"os": "linux", "architecture": "amd64"}}"#
        ])
        let result = try fetch(FakeRegistry(image, top: index), ["--platform", "linux/amd64"])
        #expect(result.code == "image-invalid")
    }

    @Test("content is believed by its digest, and not by a header")
    func digests() throws {
        let image = FakeImage(layers: [1])
        let other = FakeImage(layers: [2], seed: 9)
        let registry = try FakeRegistry(image) { request in
            guard request.path.contains("/manifests/sha256:") else { return nil }
            return Act.reply(
                200, [("Docker-Content-Digest", image.manifest.digest.text)], other.manifest.bytes)
        }
        let result = try fetch(registry, suffix: "@\(image.manifest.digest)")
        #expect(result.code == "digest-mismatch")
    }

    @Test("an answer that is no manifest is an answer", arguments: answers.indices)
    func notManifests(_ index: Int) throws {
        let (status, headers, code) = answers[index]
        let body = #"{"errors": [{"code": "DENIED", "message": "line\none"}]}"#
        let registry = try FakeRegistry(FakeImage(layers: [1])) { _ in
            Act.reply(status, headers, Array(body.utf8))
        }
        let result = try fetch(registry)
        #expect(result.exit == 1)
        #expect(result.code == code, "\(status): \(result.detail)")
        if status == 429 { #expect(result.document["error"]?["retryAfter"]?.integer == 17) }
        if status == 403 { #expect(result.detail.hasSuffix("DENIED: line one")) }
        if headers.first?.1.hasPrefix("file:") == true {
            #expect(result.detail.contains("Unsupported protocol"))
        }
        #expect(registry.server.requests.count <= 6)
    }

    @Test("a registry that does not answer is unreachable", arguments: [Act.hang, .reset])
    func silence(_ act: Act) throws {
        let registry = try FakeRegistry(FakeImage(layers: [1])) { _ in [act] }
        let result = try fetch(registry, ["--stall", "1"])
        #expect(result.code == "registry-unreachable", "\(result.detail)")
    }

    @Test("a head without an end is not read to its end")
    func hugeHead() throws {
        let line = Array("X-Line: \(String(repeating: "x", count: 8000))\r\n".utf8)
        let registry = try FakeRegistry(FakeImage(layers: [1])) { _ in
            [.send(Array("HTTP/1.1 200 OK\r\n".utf8))] + Array(repeating: .send(line), count: 5000)
        }
        let result = try fetch(registry)
        #expect(result.code == "registry-unreachable", "\(result.detail)")
        // libcurl's own limit came with CVE-2023-38039, and is higher.
        #expect(result.detail.contains("head is too large"))
        #expect(registry.server.bytesSent < 10 << 20)
    }

    @Test("a registry that is not configured as plain is asked by TLS alone")
    func plainOnlyIfConfigured() throws {
        let registry = try FakeRegistry(FakeImage(layers: [1]))
        defer {
            registry.server.end()
            bench.end()
        }
        let result = try bench.fetch("\(registry.server.authority)/team/app:v")
        #expect(result.exit == 1)
        #expect(["registry-unreachable", "registry-refused"].contains(result.code))
        #expect(registry.server.requests.isEmpty)
    }
}

private let documents: [(String, FakeBlob, String)] = [
    (
        "an artifact",
        FakeImage.manifest(
            FakeBlob(json: "{}", "application/vnd.oci.empty.v1+json").json(), []),
        "not-an-image"
    ),
    (
        "600 layers",
        FakeImage.manifest(
            FakeBlob(json: "{}", FakeImage.configType).json(),
            (0..<600).map { _ in FakeBlob([]).json() }), "image-invalid"
    ),
    (
        "a name twice",
        FakeBlob(json: #"{"schemaVersion": 2, "schemaVersion": 2}"#, FakeImage.manifestType),
        "image-invalid"
    ),
    (
        "the first schema",
        FakeBlob(
            json: #"{"schemaVersion": 1, "fsLayers": []}"#,
            "application/vnd.docker.distribution.manifest.v1+json"), "image-invalid"
    ),
    (
        "an index in an index",
        FakeImage.index([FakeImage.index([]).json()]), "image-invalid"
    ),
    ("no JSON", FakeBlob(json: "manifest", FakeImage.manifestType), "image-invalid"),
]

private let answers: [(Int, [(String, String)], String)] = [
    (400, [], "registry-refused"), (401, [], "registry-unauthorized"),
    (403, [], "registry-unauthorized"), (404, [], "image-unknown"),
    (429, [("Retry-After", "17")], "registry-busy"),
    (500, [], "registry-unreachable"), (503, [], "registry-busy"),
    (200, [("Content-Type", "text/html; charset=utf-8")], "registry-unreachable"),
    (302, [("Location", "/v2/team/app/manifests/v")], "registry-refused"),
    (302, [("Location", "file:///etc/passwd")], "registry-refused"),
]
