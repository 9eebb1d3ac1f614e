// The program against a real registry, with skopeo as the oracle. Names below are in the tests'
// own directories; docker-registry and skopeo are Debian's.

import Foundation
import Images
import JSON
import Synchronization
import Testing

@Suite(.enabled(if: Tools.areThere), .timeLimit(.minutes(10))) struct RealRegistry {
    private let bench: FetchBench
    private let image = FakeImage(layers: [3_000_000, 100_000, 700_000, 10])

    init() throws { bench = try FetchBench() }

    private func push(
        to registry: DockerRegistry, _ options: [String] = ["--dest-tls-verify=false"]
    ) throws {
        try image.write(to: "\(bench.home)/layout")
        let words = ["skopeo", "--insecure-policy", "copy", "--preserve-digests"] + options
        try run(words + ["oci:layout:v", "docker://\(registry.authority)/team/app:v"])
    }

    private func run(_ words: [String]) throws {
        let script = words.map { "'\($0)'" }.joined(separator: " ")
        try Tools.run("sh", "-c", script, in: bench.home)
    }

    /// What is there is what skopeo copies.
    private func expectWhole(
        _ result: FetchResult, _ registry: DockerRegistry, _ options: [String]
    ) throws {
        #expect(result.exit == 0, "\(result.text) \(result.messages)")
        let words = ["skopeo", "--insecure-policy", "copy", "--preserve-digests"] + options
        try run(words + ["docker://\(registry.authority)/team/app:v", "oci:copy:v"])
        let names = try bench.names("copy/blobs/sha256")
        #expect(try bench.names("ingest") == image.layers.map(\.digest.hex).sorted())
        #expect(try (bench.names("ingest") + bench.names("documents")).sorted() == names)
        for name in names {
            let folder = try bench.names("ingest").contains(name) ? "ingest" : "documents"
            let isSame =
                try bench.bytes("\(folder)/\(name)") == bench.bytes("copy/blobs/sha256/\(name)")
            #expect(isSame)
        }
    }

    @Test("a plain registry: the same bytes as skopeo's")
    func plain() throws {
        let registry = try DockerRegistry(in: bench.home)
        defer {
            registry.end()
            bench.end()
        }
        try push(to: registry)
        try bench.configure(registry.authority)
        let result = try bench.fetch("\(registry.authority)/team/app:v")
        try expectWhole(result, registry, ["--src-tls-verify=false"])
        let pinned = try bench.fetch("\(registry.authority)/team/app@\(image.manifest.digest)")
        #expect(pinned.exit == 0, "\(pinned.text)")
        let unknown = try bench.fetch("\(registry.authority)/team/other:v")
        #expect(unknown.code == "image-unknown", "\(unknown.detail)")
        #expect(unknown.detail.contains("MANIFEST_UNKNOWN"))
    }

    @Test("a network that cuts and stalls: every byte comes once")
    func cuts() throws {
        let registry = try DockerRegistry(in: bench.home)
        let proxy = try CuttingProxy(to: registry.port, after: 400_000)
        defer {
            proxy.end()
            registry.end()
            bench.end()
        }
        try push(to: registry)
        try bench.configure(proxy.authority)
        let result = try bench.fetch("\(proxy.authority)/team/app:v", ["--stall", "1"])
        try expectWhole(result, registry, ["--src-tls-verify=false"])
        #expect(proxy.connections > 8)
        let received = result.blobs.compactMap { $0["received"]?.integer }.reduce(0, +)
        let sizes = result.blobs.compactMap { $0["size"]?.integer }.reduce(0, +)
        #expect(received == sizes)
    }

    @Test("kill -9 at any byte: what was written is not fetched again")
    func kills() throws {
        let registry = try DockerRegistry(in: bench.home)
        let proxy = try CuttingProxy(to: registry.port, after: 150_000)
        defer {
            proxy.end()
            registry.end()
            bench.end()
        }
        try push(to: registry)
        try bench.configure(proxy.authority)
        var fetched: Int64 = 0
        for _ in 0..<5 {
            let running = try bench.start("\(proxy.authority)/team/app:v")
            var now = fetched
            try running.until { progress in
                now = (progress["blobs"]?.elements ?? []).compactMap { $0["fetched"]?.integer }
                    .reduce(0, +)
                return now > fetched + 200_000
            }
            _ = try running.end(SIGKILL)
            fetched = now
        }
        let result = try bench.fetch("\(proxy.authority)/team/app:v", ["--stall", "1"])
        try expectWhole(result, registry, ["--src-tls-verify=false"])
        let resumed = result.blobs.compactMap { $0["resumed"]?.integer }.reduce(0, +)
        #expect(resumed >= fetched)
    }

    @Test("TLS with an own CA and a password: by Docker's files and by hosts.toml")
    func tls() throws {
        try makeCertificates()
        // htpasswd -nbB alice secret
        let hash = "$2a$05$Usw8TLlXR0bKBcxdFPQpC.AfBvkDXElzVaclPJlK2CU8MrgLUthc6"
        try "alice:\(hash)\n".write(
            toFile: "\(bench.home)/htpasswd", atomically: false, encoding: .utf8)
        let registry = try DockerRegistry(
            in: bench.home,
            http: "  tls: {certificate: \(bench.home)/server.crt, key: \(bench.home)/server.key}",
            auth: "auth: {htpasswd: {realm: r, path: \(bench.home)/htpasswd}}")
        defer {
            registry.end()
            bench.end()
        }
        let credentials = ["--dest-creds", "alice:secret", "--dest-cert-dir", bench.home + "/ca"]
        try push(to: registry, credentials)
        let reference = "\(registry.authority)/team/app:v"
        let input = #"{"credentials": {"username": "alice", "password": "secret"}}"#
        let stranger = try bench.fetch(reference, input: input)
        #expect(stranger.code == "registry-refused", "\(stranger.text)")
        let ca = try String(contentsOfFile: "\(bench.home)/ca/ca.crt", encoding: .utf8)
        try bench.configure(registry.authority, "ca.crt", ca)
        // libcurl would write the session's keys there, also as the user that it has become.
        let keys = NSTemporaryDirectory() + "staunch-keys-\(UUID().uuidString)"
        let result = try bench.fetch(
            reference, input: input, environment: ["SSLKEYLOGFILE": keys])
        #expect(!FileManager.default.fileExists(atPath: keys))
        try expectWhole(
            result, registry, ["--src-creds", "alice:secret", "--src-cert-dir", bench.home + "/ca"])
        #expect(try bench.fetch(reference).code == "registry-unauthorized")
        let wrong = #"{"credentials": {"username": "alice", "password": "public"}}"#
        #expect(try bench.fetch(reference, input: wrong).code == "registry-unauthorized")
        for settings in ["ca = \"\(bench.home)/ca/ca.crt\"", "skip_verify = true"] {
            try bench.configure(registry.authority, "hosts.toml", settings)
            #expect(try bench.fetch(reference, input: input).exit == 0, "\(settings)")
        }
        try bench.configure(registry.authority, "hosts.toml", "")
        #expect(try bench.fetch(reference, input: input).code == "registry-refused")
    }

    @Test("a redirect from TLS to a plain server is not followed, and the reason is told")
    func redirectToPlain() throws {
        try makeCertificates()
        let plain = try HostileServer { _ in Act.reply(200) }
        let registry = try DockerRegistry(
            in: bench.home,
            http: "  tls: {certificate: \(bench.home)/server.crt, key: \(bench.home)/server.key}",
            auth: """
                middleware:
                  storage:
                    - name: redirect
                      options: {baseurl: "http://\(plain.authority)/"}
                """)
        defer {
            plain.end()
            registry.end()
            bench.end()
        }
        try push(to: registry, ["--dest-cert-dir", bench.home + "/ca"])
        try bench.configure(
            registry.authority, "hosts.toml", "ca = \"\(bench.home)/ca/ca.crt\"")
        let before = plain.requests.count
        let running = try bench.start("\(registry.authority)/team/app:v")
        try running.until { progress in
            progress["blobs"]?.elements?.first?["reason"]?.string?.contains("protocol") == true
        }
        #expect(try running.end().exit == 3)
        #expect(plain.requests.count == before)
    }

    @Test("a client certificate is shown to the registry, and its key is read as root")
    func clientCertificates() throws {
        try makeCertificates()
        let registry = try DockerRegistry(
            in: bench.home,
            http: """
                  tls: {certificate: \(bench.home)/server.crt, key: \(bench.home)/server.key,
                        clientcas: [\(bench.home)/ca/ca.crt]}
                """)
        defer {
            registry.end()
            bench.end()
        }
        try run(["sh", "-c", "cp client.crt ca/client.cert; cp client.key ca/client.key"])
        try push(to: registry, ["--dest-cert-dir", bench.home + "/ca"])
        let reference = "\(registry.authority)/team/app:v"
        try bench.configure(
            registry.authority, "hosts.toml", "ca = \"\(bench.home)/ca/ca.crt\"")
        #expect(try bench.fetch(reference).exit == 1)
        try bench.configure(
            registry.authority, "hosts.toml",
            """
            ca = "\(bench.home)/ca/ca.crt"
            client = [["\(bench.home)/client.crt", "\(bench.home)/client.key"]]
            """)
        let result = try bench.fetch(reference)
        try expectWhole(result, registry, ["--src-cert-dir", bench.home + "/ca"])
        try FileManager.default.removeItem(
            atPath: "\(bench.home)/registries/\(registry.authority)/hosts.toml")
        for name in ["ca.crt", "client.cert", "client.key"] {
            let text = try String(contentsOfFile: "\(bench.home)/ca/\(name)", encoding: .utf8)
            try bench.configure(registry.authority, name, text)
        }
        #expect(try bench.fetch(reference).exit == 0, "Docker's form")
    }

    @Test("a token server that signs; one without TLS is refused by a registry with TLS")
    func tokens() throws {
        try makeCertificates()
        let home = bench.home
        let asked = Atomic(0)
        let tokens = try HostileServer { request in
            asked.add(1, ordering: .relaxed)
            let isPush = request.target.contains("push")
            do {
                let token = try Tokens.sign(in: home, isPush ? ["pull", "push"] : ["pull"])
                return Act.reply(200, [], Array(#"{"token": "\#(token)"}"#.utf8))
            } catch { return Act.reply(500) }
        }
        let auth = """
            auth: {token: {realm: "http://\(tokens.authority)/token", service: trial, issuer: trial,
                           rootcertbundle: \(home)/ca/ca.crt}}
            """
        let registry = try DockerRegistry(in: home, auth: auth)
        defer {
            tokens.end()
            registry.end()
            bench.end()
        }
        try push(to: registry)
        try bench.configure(registry.authority)
        let result = try bench.fetch("\(registry.authority)/team/app:v")
        try expectWhole(result, registry, ["--src-tls-verify=false"])
        let secure = try DockerRegistry(
            in: home, http: "  tls: {certificate: \(home)/server.crt, key: \(home)/server.key}",
            auth: auth)
        defer { secure.end() }
        let before = asked.load(ordering: .relaxed)
        try bench.configure(secure.authority, "hosts.toml", "ca = \"\(home)/ca/ca.crt\"")
        let refused = try bench.fetch("\(secure.authority)/team/app:v")
        #expect(refused.code == "registry-unauthorized", "\(refused.text)")
        #expect(refused.detail.contains("TLS"))
        #expect(asked.load(ordering: .relaxed) == before)
    }

    /// A CA, and certificates of it for a server on loopback and for a client.
    private func makeCertificates() throws {
        try Tools.run(
            "sh", "-ec",
            """
            mkdir -p ca
            new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
            openssl req -x509 $new -keyout ca.key -out ca/ca.crt -subj /CN=trial-ca -days 2
            for name in server client; do
              openssl req $new -keyout $name.key -out $name.csr -subj /CN=$name
              echo subjectAltName=IP:127.0.0.1 >$name.ext
              openssl x509 -req -in $name.csr -CA ca/ca.crt -CAkey ca.key -CAcreateserial \
                -out $name.crt -days 2 -extfile $name.ext
            done
            """, in: bench.home)
    }
}

/// Tokens in the form that docker-registry takes: JWT with ES256 and the signer's certificate.
private enum Tokens {
    static func sign(in home: String, _ actions: [String]) throws -> String {
        let certificate = try Tools.run(
            "openssl", "x509", "-in", "server.crt", "-outform", "DER", in: home)
        let now = Int(Date().timeIntervalSince1970)
        let chain = Data(certificate).base64EncodedString()
        let header = #"{"typ": "JWT", "alg": "ES256", "x5c": ["\#(chain)"]}"#
        let list = actions.map { "\"\($0)\"" }.joined(separator: ",")
        let claims = """
            {"iss": "trial", "sub": "", "aud": "trial", "exp": \(now + 300), "nbf": \(now - 10),
             "iat": \(now), "jti": "1",
             "access": [{"type": "repository", "name": "team/app", "actions": [\(list)]}]}
            """
        let text = "\(encoded(Array(header.utf8))).\(encoded(Array(claims.utf8)))"
        let name = "token-\(UUID().uuidString)"
        try text.write(toFile: "\(home)/\(name)", atomically: false, encoding: .utf8)
        let der = try Tools.run(
            "openssl", "dgst", "-sha256", "-sign", "server.key", name, in: home)
        return "\(text).\(encoded(raw(der)))"
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    /// The two numbers of a DER signature with 32 bytes each (RFC 7518, section 3.4).
    private static func raw(_ der: [UInt8]) -> [UInt8] {
        var place = 2
        return (0..<2).flatMap { _ -> [UInt8] in
            let length = Int(der[place + 1])
            let number = der[(place + 2)..<(place + 2 + length)].drop { $0 == 0 }
            place += 2 + length
            return [UInt8](repeating: 0, count: 32 - number.count) + number
        }
    }
}
