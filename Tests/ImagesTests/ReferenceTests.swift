// References as Docker reads them, and nothing else.

import Images
import Testing

private let hex = String(repeating: "0123456789abcdef", count: 4)

@Suite struct References {
    @Test(
        "a short form is completed as Docker completes it",
        arguments: [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("user/app", "docker.io/user/app:latest"),
            ("docker.io/busybox", "docker.io/library/busybox:latest"),
            ("index.docker.io/user/app:1", "docker.io/user/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b/c:v1.2-3_4", "localhost:5000/a/b/c:v1.2-3_4"),
            ("Registry/app", "Registry/app:latest"),
            ("registry.example:443/app", "registry.example:443/app:latest"),
            ("[::1]:5000/app:1", "[::1]:5000/app:1"), ("[fe80::1]/app", "[fe80::1]/app:latest"),
            ("a/b_c__d.e-f---g", "docker.io/a/b_c__d.e-f---g:latest"),
            ("app@sha256:\(hex)", "docker.io/library/app@sha256:\(hex)"),
            ("h:1/app:t@sha256:\(hex)", "h:1/app:t@sha256:\(hex)"),
            ("app:Tag_1", "docker.io/library/app:Tag_1"),
        ])
    func completed(_ text: String, _ complete: String) throws {
        let reference = try ImageReference(text)
        #expect(reference.text == complete)
        #expect(try ImageReference(complete) == reference)
    }

    @Test(
        "any other text is refused",
        arguments: [
            "", "/", "a/", "/a", "a//b", "UPPER", "a/UPPER", "a:", ":a", "a:b:c", "a b", "a\n",
            "a:.x", "a:-x", "a:\(String(repeating: "x", count: 129))", "a..b", "a___b", "a_.b",
            "-a", "a-", ".a", "a.", "a@sha256:", "a@sha256:\(hex)0", "a@\(hex)",
            "a@sha512:\(hex)\(hex)", "a@SHA256:\(hex)", "a@sha256:\(hex.uppercased())",
            "a@sha256:\(hex)@sha256:\(hex)", hex, "library/\(hex)", "h:/a", "h:0/a", "h:65536/a",
            "h:5x/a", "-h.x/a", "h-.x/a", "h..x/a", "h_x.y/a", "[::1/a", "[]/a", "[::1]5/a",
            "[g::1]/a", "user@h.x/a", "http://h.x/a", "../a.b/c", "h.x/../a", "h.x/.", "é",
            "e\u{301}",
            "a:\u{301}", "a\0", "\(String(repeating: "a", count: 256))",
        ])
    func refused(_ text: String) {
        let fault = #expect(throws: ImageFault.self) { try ImageReference(text) }
        #expect(fault?.code == .referenceInvalid)
        #expect(fault?.detail.isEmpty == false)
    }

    @Test("Docker Hub's registry has another host")
    func hosts() throws {
        #expect(try ImageReference("busybox").apiHost == "registry-1.docker.io")
        #expect(try ImageReference("h:5/a").apiHost == "h:5")
    }

    @Test("a digest is 64 digits in lower case")
    func digests() {
        #expect(Digest("sha256:\(hex)")?.text == "sha256:\(hex)")
        #expect(Digest(hex: hex)?.hex == hex)
        #expect(Digest(bytes: [UInt8](repeating: 0xa5, count: 32))?.hex.hasPrefix("a5a5") == true)
        for text in ["sha256:", "sha256:\(hex.dropLast())g", hex, " sha256:\(hex)"] {
            #expect(Digest(text) == nil)
        }
    }
}

@Suite struct Platforms {
    @Test(
        "a platform has one form",
        arguments: [
            ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"), ("linux/aarch64", "linux/arm64"),
            ("linux/arm/v7", "linux/arm"), ("linux/arm/v6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm"), ("Linux/AMD64/v1", "linux/amd64"),
            ("linux/i386", "linux/386"),
        ])
    func normal(_ text: String, _ form: String) {
        #expect(Platform(text)?.description == form)
    }

    @Test(
        "other texts are no platforms", arguments: ["", "linux", "linux/", "/a", "a/b/c/d", "a/ b"])
    func refused(_ text: String) { #expect(Platform(text) == nil) }

    @Test(
        "a processor runs the images of earlier versions, the latest first",
        arguments: [
            ("linux/arm", ["linux/arm", "linux/arm/v6", "linux/arm/v5"]),
            ("linux/arm/v6", ["linux/arm/v6", "linux/arm/v5"]), ("linux/arm64", ["linux/arm64"]),
            ("linux/arm64/v9", ["linux/arm64/v9", "linux/arm64"]), ("linux/amd64", ["linux/amd64"]),
            ("linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]),
            ("linux/riscv64", ["linux/riscv64"]), ("windows/amd64", []),
        ])
    func ranks(_ own: String, _ expected: [String]) throws {
        let all = [
            "linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/arm", "linux/arm/v5",
            "linux/arm/v6", "linux/arm64", "linux/arm64/v9", "linux/riscv64", "unknown/unknown",
        ]
        let platform = try #require(Platform(own))
        let found = all.compactMap { name in
            Platform(name).flatMap { platform.rank(of: $0) }.map { (rank: $0, name: name) }
        }
        #expect(found.sorted { $0.rank > $1.rank }.map(\.name) == expected)
    }
}
