// The readers of what registries and administrators write.

import Foundation
import Images
import JSON
import Linux
import Testing

@testable import Fetch

@Suite struct Challenges {
    private func parse(_ text: String) -> [String] {
        Challenge.parse(Array(text.utf8)).map { challenge in
            let parameters = challenge.parameters.map { "\($0.name)=\($0.value)" }
            return ([challenge.scheme] + parameters).joined(separator: "|")
        }
    }

    @Test(
        "challenges are told apart from parameters",
        arguments: [
            ("Basic realm=\"x\"", ["basic|realm=x"]), ("Basic", ["basic"]),
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
                ["bearer|realm=https://a/t|service=s|scope=repository:a/b:pull,push"]
            ),
            ("BEARER REALM = plain , Scope=\"a \\\" b\"", ["bearer|realm=plain|scope=a \" b"]),
            ("Negotiate, Basic realm=x", ["negotiate", "basic|realm=x"]),
            ("Negotiate dG9rZW4=, Basic realm=x", ["negotiate", "basic|realm=x"]),
            ("Bearer realm=\"a\", Basic realm=\"b\"", ["bearer|realm=a", "basic|realm=b"]),
            (", , Basic realm=\"\"", ["basic|realm="]), ("", []), ("realm=\"x\"", []),
            ("Basic realm=\"open", ["basic"]), ("Basic realm=", ["basic"]), ("\"\"", []),
            ("Basic a=b c=d", ["basic|a=b|c=d"]),
        ])
    func challenges(_ text: String, _ expected: [String]) {
        #expect(parse(text) == expected)
    }
}

@Suite struct Ranges {
    @Test(
        "a range is read only if its numbers make sense",
        arguments: [
            ("bytes 0-0/1", "0-0/1"), ("BYTES 5-9/10", "5-9/10"), ("bytes 5-9/*", "5-9/nil"),
            ("bytes 9-5/10", nil), ("bytes 0-10/10", nil), ("bytes */10", nil), ("bytes 0-1", nil),
            ("bytes -1-5/10", nil), ("bytes 0-9223372036854775808/*", nil), ("lines 0-1/2", nil),
            ("bytes=0-1/2", nil), ("", nil), ("bytes 0x0-1/2", nil), ("bytes +0-1/2", nil),
        ])
    func ranges(_ text: String, _ expected: String?) {
        let found = ContentRange(text)
        let total = found?.total.map(String.init) ?? "nil"
        #expect(found.map { "\($0.first)-\($0.last)/\(total)" } == expected)
    }
}

@Suite struct HostsFiles {
    private func parse(_ text: String) throws -> HostsFile {
        try HostsFile.parse(Array(text.utf8))
    }

    @Test("mirrors keep the order of the file, and the registry is the last")
    func order() throws {
        let file = try parse(
            """
            server = "https://registry.example"
            ca = "own.crt"
            [host."https://z.example/path"]
              capabilities = ["pull"]
              ca = ["one.crt", "/two.crt"]
              client = [["cert.pem", "key.pem"]]
              [host."https://z.example/path".header]
                x-one = "1"
                x-two = ["2", "3"]
            [host."http://a.example:5000/x/"]
              override_path = true
              skip_verify = true
              client = "both.pem"
              dial_timeout = "1s"
            [host."m.example"]
            """)
        #expect(
            file.hosts.map { $0.url?.description } == [
                "https://z.example/path/v2", "http://a.example:5000/x", "https://m.example/v2",
                "https://registry.example/v2",
            ])
        let first = try #require(file.hosts.first)
        #expect(first.capabilities == .init(pulls: true, resolves: false))
        #expect(first.authorities == ["one.crt", "/two.crt"])
        #expect(first.client == .init(certificate: "cert.pem", key: "key.pem"))
        #expect(first.headers == ["x-one: 1", "x-two: 2", "x-two: 3"])
        #expect(file.hosts[1].skipsVerification)
        #expect(file.hosts[1].client == .init(certificate: "both.pem", key: nil))
        #expect(file.hosts[2].capabilities == .init())
        #expect(file.hosts[3].authorities == ["own.crt"])
    }

    @Test("an empty file is a registry without mirrors")
    func empty() throws {
        #expect(try parse("").hosts.map(\.url) == [nil])
        #expect(try parse("server = \"\"").hosts.map(\.url) == [nil])
    }

    @Test(
        "a file that breaks a rule is refused, with its line if it is no TOML",
        arguments: [
            ("server =", "line 1"), ("[\n a = 1\n", "understood"), ("\n\nx = [", "line 3"),
            ("server = 5", "server"),
            ("server = \"https://a b\"", "no URL"), ("server = \"ftp://a\"", "no URL"),
            ("server = \"https://u:p@a\"", "no URL"), ("[host.\"\"]", "no URL"),
            ("[host.\"https://a?x=y\"]", "no URL"), ("host = 5", "a table"),
            ("ca = 5", "ca"), ("ca = [5]", "ca"), ("skip_verify = \"yes\"", "skip_verify"),
            ("capabilities = 5", "capabilities"), ("client = 5", "client"),
            ("client = [[\"a\", \"b\", \"c\"]]", "client"),
            ("client = [\"a\", \"b\"]", "more than one"), ("header = 5", "header"),
            ("[header]\n\"x y\" = \"1\"", "header"), ("[header]\nx = \"1\\r\\ny: 2\"", "header"),
            ("[header]\nx = 5", "header"), ("a = 1\na = 2", "line 2"),
        ])
    func refused(_ text: String, _ word: String) {
        let fault = #expect(throws: SettingsFault.self) { try parse(text) }
        #expect(fault?.detail.contains(word) == true, "\(fault?.detail ?? "")")
    }

    @Test(
        "the directories of a registry are looked for in containerd's order",
        arguments: [
            ("docker.io", ["docker.io", "_default"]),
            ("h.x:5000", ["h.x_5000_", "h.x:5000", "_default"]),
            ("[::1]:5", ["[::1]_5_", "[::1]:5", "_default"]), ("[::1]", ["[::1]", "_default"]),
        ])
    func directories(_ registry: String, _ names: [String]) {
        #expect(RegistrySettings.names(of: registry) == names)
    }
}

@Suite struct AuthFiles {
    private func parse(_ text: String) throws -> AuthFile { try AuthFile.parse(Array(text.utf8)) }

    private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    @Test("each form of credentials is read, and hosts may be URLs")
    func forms() throws {
        let file = try parse(
            """
            {"auths": {
               "a.x": {"auth": "\(base64("user:pass:word"))"},
               "https://index.docker.io/v1/": {"auth": "\(base64("hub:secret\0\0"))"},
               "http://c.x:5/v2/": {"username": "u", "password": "p"},
               "d.x": {"identitytoken": "refresh", "auth": "\(base64("u:p"))"},
               "e.x": {"registrytoken": "access"}, "f.x": {},
               "g.x": {"username": "<token>", "password": "refresh"}},
             "credHelpers": {"h.x": "pass"}, "HttpHeaders": {}, "credsStore": ""}
            """)
        #expect(
            file.credentials(for: "a.x") == .password(user: "user", password: "pass:word"))
        for hub in ["docker.io", "registry-1.docker.io", "index.docker.io"] {
            #expect(file.credentials(for: hub) == .password(user: "hub", password: "secret"))
        }
        #expect(file.credentials(for: "c.x:5") == .password(user: "u", password: "p"))
        #expect(file.credentials(for: "c.x") == nil)
        #expect(file.credentials(for: "d.x") == .identityToken("refresh"))
        #expect(file.credentials(for: "e.x") == .registryToken("access"))
        #expect(file.credentials(for: "f.x") == nil)
        #expect(file.credentials(for: "g.x") == .identityToken("refresh"))
        #expect(file.helper(for: "h.x") == "pass")
        #expect(file.helper(for: "a.x") == nil)
        #expect(try parse(#"{"credsStore": "s"}"#).helper(for: "a.x") == "s")
    }

    @Test(
        "a file that is not understood is refused without a word of its content",
        arguments: [
            "secret", "[\"secret\"]", #"{"auths": "secret"}"#, #"{"auths": {"a": "secret"}}"#,
            #"{"auths": {"a": {"auth": "secret!"}}}"#, #"{"auths": {"a": {"auth": "c2VjcmV0"}}}"#,
            #"{"auths": {"a": {"auth": "c2VjcmV0Og=="}}}"#,
            #"{"credHelpers": {"a": "../secret"}}"#, #"{"credHelpers": {"a": 5}}"#,
            #"{"credsStore": "/secret"}"#, #"{"secret": 1, "secret": 2}"#,
        ])
    func refused(_ text: String) {
        let fault = #expect(throws: SettingsFault.self) { try parse(text) }
        #expect(fault?.detail.contains("secret") == false)
        #expect(fault?.detail.isEmpty == false)
    }

    @Test("standard input has credentials or nothing, and a fault shows no part of it")
    func input() throws {
        func parse(_ text: String) throws -> Credentials? {
            try FetchSecrets.parse(Array(text.utf8))
        }
        #expect(
            try parse(#"{"credentials": {"username": "u", "password": "p"}}"#)
                == .password(user: "u", password: "p"))
        #expect(try parse(#"{"credentials": {"token": "t"}}"#) == .registryToken("t"))
        #expect(try parse(#"{"credentials": {"identityToken": "t"}}"#) == .identityToken("t"))
        #expect(try parse(#"{"credentials": null}"#) == nil)
        #expect(try parse("{}") == nil)
        for text in [
            "secret", #"{"secret": 1}"#, #"{"credentials": "secret"}"#,
            #"{"credentials": {"username": "secret"}}"#,
            #"{"credentials": {"token": "secret\r\nx: y"}}"#,
            #"{"credentials": {"username": "u", "password": "p", "token": "secret"}}"#,
        ] {
            let fault = #expect(throws: SettingsFault.self) { try parse(text) }
            #expect(fault?.detail.contains("secret") == false)
        }
    }

    @Test("base64 is what Foundation makes, and nothing else")
    func base64Decoding() {
        for count in 0..<100 {
            let bytes = randomBytes(count, seed: UInt64(count))
            #expect(decodedBase64(Data(bytes).base64EncodedString()) == bytes)
        }
        for text in ["a", "ab", "abc", "ab=c", "abc!", "é===", "ab==cd"] {
            #expect(decodedBase64(text) == nil, "\(text)")
        }
    }
}

@Suite struct Decisions {
    @Test("only the same scheme, host and port get what is meant for the host")
    func redirects() {
        let request = TransferRequest(
            url: "https://a.x/v2/b", headers: ["X-Key: 1", "Accept: y", "Range: bytes=5-"],
            authorization: .bearer("t"),
            trust: Trust(authorities: [1], certificate: [2], key: [3], skipsVerification: false))
        for same in ["https://a.x/c", "https://A.X:443/d", "HTTPS://a.x?x"] {
            var expected = request
            expected.url = same
            #expect(request.redirected(to: same) == expected)
        }
        for other in [
            "https://b.x/", "http://a.x/", "https://a.x:444/", "https://a.x.b/", "https://u@a.x/",
            "https://a.x@b.x/", "//a.x/", "https:a.x",
        ] {
            let next = request.redirected(to: other)
            #expect(next.authorization == .none, "\(other)")
            #expect(next.headers == ["Accept: y", "Range: bytes=5-"], "\(other)")
            #expect(next.trust == Trust(authorities: [1]), "\(other)")
        }
    }

    @Test("attempts are paced up to 30 seconds, and Retry-After counts up to ten minutes")
    func pacing() {
        var pacing = Pacing()
        let pauses = (0..<12).map { _ in pacing.failed(retryAfter: nil) }
        #expect(pauses.prefix(4) == [200, 400, 800, 1600])
        #expect(pauses.suffix(4) == [30_000, 30_000, 30_000, 30_000])
        #expect(pacing.advanced() == 100)
        #expect(pacing.failed(retryAfter: 7) == 7000)
        #expect(pacing.failed(retryAfter: 0) == 400)
        #expect(pacing.failed(retryAfter: 1_000_000_000) == 600_000)
        #expect(pacing.failed(retryAfter: .min) == 1600)
    }

    @Test("a plan is a list of digests")
    func plans() throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        func plan(_ text: String) throws -> Set<Digest> {
            try StateDirectory.plan(Array(text.utf8))
        }
        #expect(try plan(#"{"fetch": []}"#) == [])
        #expect(try plan(#"{"fetch": ["\#(digest)", "\#(digest)"]}"#).map(\.text) == [digest])
        for text in ["", "[]", "{}", #"{"fetch": 5}"#, #"{"fetch": ["sha256:"]}"#] {
            #expect(throws: FetchFailure.self) { try plan(text) }
        }
    }

    @Test(
        "a command line is read whole or refused",
        arguments: [
            [], ["a", "b"], ["--platform", "a"], ["UPPER"], ["--bad", "1", "a"], ["a", "--stall"],
            ["a", "--stall", "0"], ["a", "--parallel=65"], ["a", "--user", "0:1"],
            ["a", "--user", "1"], ["a", "--lock", "2"], ["a", "--platform", "linux"],
        ])
    func usage(_ words: [String]) {
        #expect(throws: FetchUsage.self) { try FetchCommand.parse(words) }
    }

    @Test("each option has its place, and --help comes first")
    func options() throws {
        guard
            case .fetch(let settings) = try FetchCommand.parse([
                "--platform=linux/arm/v6", "--parallel", "2", "--stall", "9", "--registries", "/r",
                "--registry-auth", "/a", "--user", "7:8", "--await-plan", "--lock", "10",
                "--ingest", "11", "--documents", "12", "--state", "13", "busybox",
            ])
        else {
            Issue.record("no fetch")
            return
        }
        #expect(settings.reference.text == "docker.io/library/busybox:latest")
        #expect(settings.platform.description == "linux/arm/v6")
        #expect(settings.parallel == 2 && settings.stall == 9 && settings.awaitsPlan)
        #expect(settings.registries == "/r" && settings.authFile == "/a")
        #expect(settings.user == UserIdentity(uid: 7, gid: 8))
        #expect(settings.descriptors == [10, 11, 12, 13])
        guard case .help = try FetchCommand.parse(["--bad", "x", "--help"]) else {
            Issue.record("no help")
            return
        }
    }
}
