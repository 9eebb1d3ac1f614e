// hosts.toml: which host is asked for what, and what happens if one fails.

import Foundation
import Images
import JSON
import Testing

@Suite(.timeLimit(.minutes(5))) struct Mirrors {
    private let bench: FetchBench
    private let image = FakeImage(layers: [30_000, 20_000])

    init() throws { bench = try FetchBench() }

    /// Fetches from a registry by way of a mirror.
    private func fetch(
        _ registry: FakeRegistry, by mirror: String, _ settings: String = "",
        options: [String] = [], input: String = ""
    ) throws -> FetchResult {
        let origin = registry.server.authority
        try bench.configure(
            "registry.invalid", "hosts.toml",
            "server = \"http://\(origin)\"\n[host.\"http://\(mirror)\"]\n\(settings)\n")
        return try bench.fetch("registry.invalid/team/app:v", options, input: input)
    }

    private func end(_ registries: FakeRegistry...) {
        for registry in registries { registry.server.end() }
        bench.end()
    }

    @Test("a mirror serves everything, and is told whose image it is")
    func everything() throws {
        let (mirror, origin) = (try FakeRegistry(image), try FakeRegistry(image))
        defer { end(mirror, origin) }
        let input = #"{"credentials": {"username": "alice", "password": "secret"}}"#
        let result = try fetch(origin, by: mirror.server.authority, input: input)
        #expect(result.exit == 0, "\(result.text)")
        #expect(origin.server.requests.isEmpty)
        for request in mirror.server.requests {
            #expect(request.target.hasSuffix("?ns=registry.invalid"))
        }
    }

    @Test("a mirror gets the file's credentials for it, and never the request's")
    func mirrorGetsNothing() throws {
        let challenge = Act.reply(401, [("WWW-Authenticate", "Basic realm=x")])
        let wanted = "Basic " + Data("bob:own".utf8).base64EncodedString()
        let mirror = try FakeRegistry(image) { request in
            request.headers["authorization"] == wanted ? nil : challenge
        }
        let origin = try FakeRegistry(image) { request in
            request.headers["authorization"] == nil ? challenge : nil
        }
        defer { end(mirror, origin) }
        let input = #"{"credentials": {"username": "alice", "password": "secret"}}"#
        let asRequest = try fetch(origin, by: mirror.server.authority, input: input)
        #expect(asRequest.exit == 0, "\(asRequest.text)")
        #expect(mirror.server.requests.allSatisfy { $0.headers["authorization"] == nil })
        let auth = Data("bob:own".utf8).base64EncodedString()
        try #"{"auths": {"\#(mirror.server.authority)": {"auth": "\#(auth)"}}}"#.write(
            toFile: bench.home + "/auth.json", atomically: false, encoding: .utf8)
        let before = origin.server.requests.count
        let asFile = try fetch(origin, by: mirror.server.authority)
        #expect(asFile.exit == 0, "\(asFile.text)")
        #expect(origin.server.requests.count == before)
    }

    @Test("a mirror that cannot resolve is asked for digests alone")
    func resolves() throws {
        let (mirror, origin) = (try FakeRegistry(image), try FakeRegistry(image))
        defer { end(mirror, origin) }
        let result = try fetch(origin, by: mirror.server.authority, #"capabilities = ["pull"]"#)
        #expect(result.exit == 0, "\(result.text)")
        #expect(origin.server.requests.map(\.path) == ["/v2/team/app/manifests/v"])
        #expect(mirror.blobRequests().count == 3)
    }

    @Test(
        "what a mirror refuses, breaks or falsifies comes from the registry",
        arguments: ["down", "404", "401", "500", "cut", "wrong", "hang"])
    func fails(_ kind: String) throws {
        let wrong = randomBytes(30_000, seed: 77)
        let mirror = try FakeRegistry(image) { request in
            guard request.path.contains("/blobs/") else { return nil }
            switch kind {
            case "404", "401", "500": return Act.reply(Int(kind) ?? 0)
            case "cut": return [.send(Act.head(200, [("Content-Length", "30000")])), .reset]
            case "wrong": return Act.reply(200, [], wrong)
            case "hang": return [.hang]
            default: return nil
            }
        }
        let origin = try FakeRegistry(image)
        defer { end(mirror, origin) }
        let address = kind == "down" ? "127.0.0.1:1" : mirror.server.authority
        let result = try fetch(origin, by: address, options: ["--stall", "1"])
        #expect(result.exit == 0, "\(result.text)")
        for layer in image.layers {
            #expect(try bench.bytes("ingest/\(layer.digest.hex)") == layer.bytes)
        }
        #expect(origin.blobRequests().count == 3)
    }

    @Test("the registry's failure is the answer, and the mirror's is told with it")
    func bothFail() throws {
        let mirror = try FakeRegistry(image) { _ in Act.reply(500) }
        let origin = try FakeRegistry(image) { _ in Act.reply(404) }
        defer { end(mirror, origin) }
        let result = try fetch(origin, by: mirror.server.authority)
        #expect(result.code == "image-unknown")
        #expect(result.detail.contains("500") && result.detail.contains("404"))
    }

    @Test("a blob that every host falsifies ends the fetch")
    func bothFalsify() throws {
        let answer: FakeRegistry.Override = { request in
            request.path.contains("/blobs/") ? Act.reply(200, [], [1]) : nil
        }
        let (mirror, origin) = (try FakeRegistry(image, answer), try FakeRegistry(image, answer))
        defer { end(mirror, origin) }
        let result = try fetch(origin, by: mirror.server.authority)
        #expect(result.code == "digest-mismatch", "\(result.detail)")
        #expect(mirror.blobRequests().count == 1 && origin.blobRequests().count == 1)
    }

    @Test(
        "settings that cannot be read are an answer", arguments: ["server = 5", "ca = \"x.crt\""])
    func badSettings(_ text: String) throws {
        defer { bench.end() }
        try bench.configure("registry.invalid", "hosts.toml", text)
        let result = try bench.fetch("registry.invalid/team/app:v")
        #expect(result.exit == 1)
        #expect(result.code == "registry-settings-invalid", "\(result.text)")
    }
}
