// Who asks whom: challenges, tokens, and that no credential goes anywhere else.

import Foundation
import Images
import JSON
import Synchronization
import Testing

private let secret = "p4ss-w0rd-of-alice"

@Suite(.timeLimit(.minutes(5))) struct Authorizing {
    private let bench: FetchBench
    private let image = FakeImage(layers: [100_000, 50_000, 70_000])

    init() throws { bench = try FetchBench() }

    private let given = #"{"credentials": {"username": "alice", "password": "\#(secret)"}}"#

    private var basic: String {
        "Basic " + Data("alice:\(secret)".utf8).base64EncodedString()
    }

    private func end(_ servers: HostileServer...) {
        for server in servers { server.end() }
        bench.end()
    }

    private func fetch(
        _ registry: FakeRegistry, _ options: [String] = [], input: String = ""
    ) throws -> FetchResult {
        try bench.configure(registry.server.authority)
        return try bench.fetch(
            "\(registry.server.authority)/team/app:v", options, input: input)
    }

    private static func challenge(_ value: String) -> [Act] {
        Act.reply(401, [("WWW-Authenticate", value)])
    }

    /// A registry that wants the token that `tokens` gave last.
    private func bearerRegistry(
        _ tokens: HostileServer, isValid: @escaping @Sendable (String) -> Bool
    ) throws -> FakeRegistry {
        let realm = "http://\(tokens.authority)/token"
        return try FakeRegistry(image) { request in
            let sent = request.headers["authorization"] ?? ""
            if sent.hasPrefix("Bearer "), isValid(String(sent.dropFirst(7))) { return nil }
            return Authorizing.challenge(
                #"Bearer realm="\#(realm)",service="the registry",scope="repository:team/app:pull""#
            )
        }
    }

    @Test("Basic: the password is sent when it is asked for")
    func basicChallenge() throws {
        let wanted = basic
        let registry = try FakeRegistry(image) { request in
            request.headers["authorization"] == wanted
                ? nil : Authorizing.challenge(#"Basic realm="r""#)
        }
        defer { end(registry.server) }
        let result = try fetch(registry, input: given)
        #expect(result.exit == 0, "\(result.text)")
        #expect(result.document["credentials"]?.string == "request")
        #expect(registry.server.requests.first?.headers["authorization"] == nil)
    }

    @Test("Bearer: the token server gets the password, and the registry only the token")
    func bearer() throws {
        let wanted = basic
        let tokens = try HostileServer { request in
            guard request.headers["authorization"] == wanted else { return Act.reply(401) }
            return Act.reply(200, [], Array(#"{"token": "t1", "expires_in": 60}"#.utf8))
        }
        let registry = try bearerRegistry(tokens) { $0 == "t1" }
        defer { end(registry.server, tokens) }
        let result = try fetch(registry, input: given)
        #expect(result.exit == 0, "\(result.text)")
        let asked = try #require(tokens.requests.first)
        #expect(tokens.requests.count == 1)
        #expect(
            asked.target == "/token?scope=repository%3Ateam%2Fapp%3Apull&service=the%20registry")
        let sent = Set(registry.server.requests.map { $0.headers["authorization"] })
        #expect(sent == [nil, "Bearer t1"])
    }

    @Test("an identity token is changed for an access token by a form")
    func identityToken() throws {
        let tokens = try HostileServer { request in
            let isRight =
                request.method == "POST" && request.body.contains("refresh_token=re%2Ffresh")
                && request.body.contains("grant_type=refresh_token")
                && request.body.contains("scope=repository%3Ateam%2Fapp%3Apull")
            return isRight
                ? Act.reply(200, [], Array(#"{"access_token": "t1"}"#.utf8)) : Act.reply(403)
        }
        let registry = try bearerRegistry(tokens) { $0 == "t1" }
        defer { end(registry.server, tokens) }
        let input = #"{"credentials": {"identityToken": "re/fresh"}}"#
        let result = try fetch(registry, input: input)
        #expect(result.exit == 0, "\(result.text)")
    }

    @Test("a token of the request is sent as it is")
    func registryToken() throws {
        let registry = try FakeRegistry(image) { request in
            request.headers["authorization"] == "Bearer abc" ? nil : Act.reply(401)
        }
        defer { end(registry.server) }
        let result = try fetch(registry, input: #"{"credentials": {"token": "abc"}}"#)
        #expect(result.exit == 0, "\(result.text)")
    }

    @Test("a token that expires in the middle is renewed, once for all blobs that wait for it")
    func renewal() throws {
        let number = Mutex(0)
        let tokens = try HostileServer { _ in
            let next = number.withLock { number in
                number += 1
                return number
            }
            return Act.reply(200, [], Array(#"{"token": "t\#(next)"}"#.utf8))
        }
        let served = Mutex(0)
        let registry = try bearerRegistry(tokens) { token in
            // The first token is for two requests: the manifest and the configuration.
            let count = served.withLock { served in
                if token == "t1" { served += 1 }
                return served
            }
            return token == "t2" || token == "t1" && count <= 2
        }
        defer { end(registry.server, tokens) }
        let result = try fetch(registry, ["--parallel", "3"])
        #expect(result.exit == 0, "\(result.text)")
        #expect(tokens.requests.count == 2)
    }

    @Test("a registry that asks again and again gets an answer, and the token server some peace")
    func loop() throws {
        let tokens = try HostileServer { _ in
            Act.reply(200, [], Array(#"{"token": "t"}"#.utf8))
        }
        let registry = try bearerRegistry(tokens) { _ in false }
        defer { end(registry.server, tokens) }
        let result = try fetch(registry)
        #expect(result.code == "registry-unauthorized", "\(result.detail)")
        #expect(tokens.requests.count <= 3)
    }

    @Test("a registry that asks for each blob again and again refuses it")
    func loopForBlobs() throws {
        let tokens = try HostileServer { _ in
            Act.reply(200, [], Array(#"{"token": "t"}"#.utf8))
        }
        let realm = tokens.authority
        let registry = try FakeRegistry(image) { request in
            request.path.contains("/blobs/")
                ? Authorizing.challenge(#"Bearer realm="http://\#(realm)/""#) : nil
        }
        defer { end(registry.server, tokens) }
        let result = try fetch(registry)
        #expect(result.code == "registry-unauthorized", "\(result.detail)")
        #expect(tokens.requests.count <= 3)
    }

    @Test(
        "a token server that fails is an answer before the manifest is known",
        arguments: [
            (500, "", "registry-unreachable"), (401, "", "registry-unauthorized"),
            (200, "<html>", "registry-unreachable"), (200, "{}", "registry-unreachable"),
            (200, #"{"token": "a\r\nX: y"}"#, "registry-unreachable"),
        ])
    func tokenServerFails(_ status: Int, _ body: String, _ code: String) throws {
        let tokens = try HostileServer { _ in Act.reply(status, [], Array(body.utf8)) }
        let registry = try bearerRegistry(tokens) { _ in true }
        defer { end(registry.server, tokens) }
        let result = try fetch(registry)
        #expect(result.code == code, "\(result.detail)")
    }

    @Test("a token server that is down is waited for once the manifest is known")
    func tokenServerDown() throws {
        let isUp = Atomic(false)
        let tokens = try HostileServer { _ in
            isUp.load(ordering: .relaxed)
                ? Act.reply(200, [], Array(#"{"token": "t1"}"#.utf8)) : [.reset]
        }
        let realm = tokens.authority
        let registry = try FakeRegistry(image) { request in
            request.path.contains("/blobs/") && request.headers["authorization"] != "Bearer t1"
                ? Authorizing.challenge(#"Bearer realm="http://\#(realm)/""#) : nil
        }
        defer { end(registry.server, tokens) }
        try bench.configure(registry.server.authority)
        let running = try bench.start("\(registry.server.authority)/team/app:v")
        try running.until { progress in
            progress["blobs"]?.elements?.first?["reason"]?.string?.contains("token server") == true
        }
        isUp.store(true, ordering: .relaxed)

        #expect(try running.wait().exit == 0)
    }

    @Test("another host gets neither credentials nor header lines")
    func redirect() throws {
        let layers = image.layers
        let store = try HostileServer { request in
            guard let blob = layers.first(where: { request.path == "/\($0.digest.hex)" }) else {
                return Act.reply(404)
            }
            return FakeRegistry.content(blob.bytes, request)
        }
        let wanted = basic
        let target = store.authority
        let registry = try FakeRegistry(image) { request in
            guard request.headers["authorization"] == wanted else {
                return Authorizing.challenge("Basic realm=x")
            }
            guard let blob = layers.first(where: { request.path.hasSuffix($0.digest.text) }) else {
                return nil
            }
            return Act.reply(307, [("Location", "http://\(target)/\(blob.digest.hex)")])
        }
        defer { end(registry.server, store) }
        try bench.configure(
            registry.server.authority, "hosts.toml",
            """
            server = "http://\(registry.server.authority)"
            [header]
            X-Api-Key = "\(secret)"
            """)
        let result = try bench.fetch(
            "\(registry.server.authority)/team/app:v", input: given)
        #expect(result.exit == 0, "\(result.text)")
        #expect(store.requests.count == 3)
        for request in store.requests {
            #expect(!request.headers.values.contains { $0.contains(secret) })
            #expect(request.headers["authorization"] == nil)
        }
        for request in registry.server.requests { #expect(request.headers["x-api-key"] == secret) }
    }

    @Test("a challenge of another host is not answered", arguments: ["manifests", "blobs"])
    func strangersChallenge(_ kind: String) throws {
        let thief = try HostileServer { _ in Act.reply(200, [], Array(#"{"token": "t"}"#.utf8)) }
        let realm = thief.authority
        let store = try HostileServer { _ in
            Authorizing.challenge(#"Bearer realm="http://\#(realm)/""#)
        }
        let target = store.authority
        let registry = try FakeRegistry(image) { request in
            request.path.contains("/\(kind)/")
                ? Act.reply(307, [("Location", "http://\(target)/x")]) : nil
        }
        defer { end(registry.server, store, thief) }
        try bench.configure(registry.server.authority)
        let running = try bench.start("\(registry.server.authority)/team/app:v", input: given)
        while running.isRunning, registry.server.requests.count < 4 { usleep(1000) }
        let result = try running.end()
        #expect(result.code == (kind == "blobs" ? "canceled" : "registry-unauthorized"))
        #expect(store.requests.count > 0)
        #expect(store.requests.allSatisfy { $0.headers["authorization"] == nil })
        #expect(thief.requests.isEmpty)
    }

    @Test(
        "credentials are on no command line and in no environment, progress, result or message",
        arguments: [true, false])
    func nowhere(isEncoded: Bool) throws {
        let word = isEncoded ? basic : "who is \(secret)?"
        let echo = #"{"errors": [{"code": "X", "message": "\#(word)"}]}"#
        let gate = Atomic(false)
        let wanted = basic
        let registry = try FakeRegistry(image) { request in
            guard request.headers["authorization"] == wanted else {
                return Authorizing.challenge("Basic realm=x")
            }
            while !gate.load(ordering: .relaxed) { usleep(1000) }
            return Act.reply(403, [], Array(echo.utf8))
        }
        defer { end(registry.server) }
        try bench.configure(registry.server.authority)
        let running = try bench.start(
            "\(registry.server.authority)/team/app:v", ["--stall", "600"], input: given)
        while registry.server.requests.count < 2 {
            try #require(running.isRunning)
            usleep(1000)
        }
        for name in ["cmdline", "environ"] {
            let path = "/proc/\(running.pid)/\(name)"
            let text = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(!String(decoding: text, as: UTF8.self).contains(secret), "\(name)")
        }
        #expect(
            try !String(decoding: bench.bytes("state/progress"), as: UTF8.self).contains(secret))
        gate.store(true, ordering: .relaxed)
        let result = try running.wait()
        #expect(result.code == "registry-unauthorized")
        for text in [result.text, result.messages] {
            #expect(!text.contains(secret) && !text.contains(wanted.dropFirst(6)))
        }
    }

    @Test("the file of credentials serves the host that it names")
    func authFile() throws {
        let wanted = basic
        let registry = try FakeRegistry(image) { request in
            request.headers["authorization"] == wanted
                ? nil : Authorizing.challenge("Basic realm=x")
        }
        defer { end(registry.server) }
        let auth = Data("alice:\(secret)".utf8).base64EncodedString()
        try #"{"auths": {"\#(registry.server.authority)": {"auth": "\#(auth)"}}}"#.write(
            toFile: bench.home + "/auth.json", atomically: false, encoding: .utf8)
        chmod600(bench.home + "/auth.json")
        let result = try fetch(registry)
        #expect(result.exit == 0, "\(result.text)")
        #expect(result.document["credentials"]?.string == "file")
    }

    @Test("a credential helper is asked for the host, as root and with its environment")
    func helper() throws {
        let wanted = basic
        let registry = try FakeRegistry(image) { request in
            request.headers["authorization"] == wanted
                ? nil : Authorizing.challenge("Basic realm=x")
        }
        defer { end(registry.server) }
        try install(
            """
            [ "$1" = get ] && [ "$(cat)" = "\(registry.server.authority)" ] || exit 1
            [ "$OWN" = yes ] && [ -r "$HOME_/auth.json" ] || exit 1
            echo '{"ServerURL": "x", "Username": "alice", "Secret": "\(secret)"}'
            """)
        try bench.configure(registry.server.authority)
        let result = try bench.fetch(
            "\(registry.server.authority)/team/app:v", environment: ["OWN": "yes"])
        #expect(result.exit == 0, "\(result.text) \(result.messages)")
        #expect(result.document["credentials"]?.string == "file")
    }

    @Test(
        "a helper without credentials is no failure, and any other failure is told",
        arguments: [
            ("echo credentials not found in native keychain; exit 1", 0, ""),
            ("echo \(secret); exit 1", 1, "ended with 1"), ("kill -9 $$", 1, "a signal"),
            ("echo '{\"Username\": \"\(secret)\"}'", 1, "no credentials"),
        ])
    func helperFails(_ script: String, _ exit: Int, _ word: String) throws {
        let registry = try FakeRegistry(image)
        defer { end(registry.server) }
        try install(script)
        let result = try fetch(registry)
        #expect(result.exit == Int32(exit), "\(result.text)")
        #expect(result.detail.contains(word) || word.isEmpty)
        #expect(!result.text.contains(secret))
    }

    @Test("a helper that hangs is ended with the fetch, and holds up nothing else")
    func helperHangs() throws {
        let registry = try FakeRegistry(image)
        defer { end(registry.server) }
        try install("echo $$ >$HOME_/pid.new; mv $HOME_/pid.new $HOME_/pid; sleep 1000")
        try bench.configure(registry.server.authority)
        let running = try bench.start("\(registry.server.authority)/team/app:v")
        while !FileManager.default.fileExists(atPath: bench.home + "/pid") {
            try #require(running.isRunning)
            usleep(1000)
        }
        let text = String(decoding: try bench.bytes("pid"), as: UTF8.self)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        let result = try running.end()
        #expect(result.exit == 3)
        #expect(kill(pid, 0) == -1)
    }

    private func install(_ script: String) throws {
        try FileManager.default.createDirectory(
            atPath: bench.home + "/bin", withIntermediateDirectories: true)
        let path = bench.home + "/bin/docker-credential-trial"
        try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        try #"{"credsStore": "trial"}"#.write(
            toFile: bench.home + "/auth.json", atomically: false, encoding: .utf8)
        chmod600(bench.home + "/auth.json")
    }

    private func chmod600(_ path: String) {
        _ = unsafe chmod(path, 0o600)
    }
}
