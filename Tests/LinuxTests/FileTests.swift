// Small files: readers never see half of one, and never read outside of a root.

import Foundation
import Glibc
import Kernel
import Linux
import Synchronization
import Testing

@Suite struct ReplaceTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test("a write replaces only a regular file; it writes into a device and follows a link")
    func delivered() throws {
        let text = Array("new".utf8)
        let file = try scratch.file("file", "old")
        try shell("mknod '\(scratch("device"))' c 1 3; ln -s file '\(scratch("link"))'")
        try shell("ln -s later '\(scratch("dangling"))'")
        for name in ["device", "link", "dangling", "fresh"] {
            try Files.deliver(text, to: scratch(name), mode: 0o644)
        }
        #expect(try shell("stat -c %F '\(scratch("device"))'") == "character special file\n")
        for name in ["link", "dangling"] {
            #expect(try shell("stat -c %F '\(scratch(name))'") == "symbolic link\n")
        }
        for name in ["file", "later", "fresh"] { #expect(try Files.read(scratch(name)) == text) }
        #expect(try Files.text(file) == "new")
        #expect(throws: SystemCallFailure.self) {
            try Files.deliver(text, to: scratch.path, mode: 0o644)
        }
    }

    @Test("a reader sees the old content or the new content, and never a part")
    func atomic() throws {
        let path = scratch("file")
        let contents = ["a", "b"].map { [UInt8](repeating: UInt8(ascii: $0), count: 100_000) }
        try Files.replace(path, contents[0])
        let outcome = Mutex(Outcome())
        let isDone = { @Sendable in outcome.withLock { $0.whole + $0.broken > 500 } }
        DispatchQueue.global().async {
            while !isDone() {
                let seen = try? Files.read(path, limit: 200_000)
                outcome.withLock { $0.saw(seen, of: contents) }
            }
        }
        var round = 0
        while !isDone() {
            round += 1
            try Files.replace(path, contents[round % 2])
        }
        #expect(outcome.withLock { $0.broken } == 0)
        #expect(round > 10, "what is never replaced is never broken")
    }

    private struct Outcome: Sendable {
        var whole = 0
        var broken = 0

        mutating func saw(_ content: [UInt8]?, of contents: [[UInt8]]) {
            if let content, contents.contains(content) { whole += 1 } else { broken += 1 }
        }
    }

    @Test("a replaced file has its content and mode, and leaves no draft")
    func content() throws {
        let path = scratch("file")
        try Files.replace(path, [1, 2, 3])
        try Files.replace(path, [])
        #expect(try Files.read(path) == [])
        try Files.replace(path, Array("text".utf8), mode: 0o640)
        #expect(try Files.text(path) == "text")
        #expect(try Files.names(in: scratch.path) == ["file"])
    }

    @Test("a read stops at its limit")
    func limit() throws {
        let path = try scratch.file("file", String(repeating: "x", count: 50_000))
        #expect(try Files.read(path, limit: 10).count == 10)
        #expect(try Files.read(path).count == 50_000)
        #expect(try Files.read("/dev/zero", limit: 100_000).count == 100_000)
    }

    @Test("a failure names the call, the subject and the errno")
    func failure() {
        let path = scratch("none")
        let expected = SystemCallFailure(call: "open", subject: path, errno: ENOENT)
        #expect(throws: expected) { try Files.read(path) }
        #expect("\(expected)" == "open \(path): ENOENT (No such file or directory)")
    }

    @Test("making an existing directory or removing a missing file does not fail")
    func idempotent() throws {
        try Files.makeDirectories(scratch("a/b/c"))
        try Files.makeDirectories(scratch("a/b/c"))
        #expect(try Files.isDirectory(scratch("a/b/c")))
        #expect(
            errorNumber { () throws(SystemCallFailure) in
                try Files.removeDirectory(scratch("a/b"))
            } == ENOTEMPTY)
        #expect(try Files.removeDirectory(scratch("a/b/c")))
        #expect(try !Files.removeDirectory(scratch("a/b/c")))
        #expect(try !Files.removeFile(scratch("a/b/c")))
        #expect(try !Files.exists(scratch("a/b/c/d")))
        #expect(try Files.names(in: scratch("none")) == [])
    }
}

@Suite struct InRootTests {
    let scratch: Scratch
    let root: String

    init() throws {
        scratch = try Scratch()
        root = try scratch.directory("root")
        _ = try scratch.file("secret", "of the host")
        try Files.makeDirectory(scratch("root/etc"))
    }

    private func passwd() throws(SystemCallFailure) -> String {
        let file = try Files.opening("etc/passwd", inRoot: root)
        return String(decoding: try file.read(limit: 4096) ?? [], as: UTF8.self)
    }

    @Test("a file of the root is read")
    func own() throws {
        _ = try scratch.file("root/etc/passwd", "its own")
        #expect(try passwd() == "its own")
    }

    @Test("a link inside the root is resolved inside the root")
    func inside() throws {
        _ = try scratch.file("root/usr/passwd", "its own")
        try shell("ln -s /usr/passwd '\(root)/etc/passwd'")
        #expect(try passwd() == "its own")
    }

    @Test(
        "a link to the host is not followed out",
        arguments: [
            "/etc/passwd", "../../secret", "../../../../../../../../etc/passwd",
            "/proc/self/root/etc/passwd", "/../etc/passwd",
        ])
    func linkOut(target: String) throws {
        try shell("ln -s '\(target)' '\(root)/etc/passwd'")
        #expect(try Files.exists("/etc/passwd"))
        #expect(
            [ENOENT, ELOOP].contains(
                errorNumber { () throws(SystemCallFailure) in
                    _ = try passwd()
                }))
    }

    @Test("an absolute link to a path of the host is resolved below the root")
    func absoluteLink() throws {
        try shell("ln -s '\(scratch("secret"))' '\(root)/etc/passwd'")
        #expect(throws: SystemCallFailure.self) { try passwd() }
    }

    @Test(
        "a directory on the path may be a link, and does not leave the root",
        arguments: ["/etc", ".."])
    func linkedDirectory(target: String) throws {
        try shell("rmdir '\(root)/etc' && ln -s '\(target)' '\(root)/etc'")
        #expect(throws: SystemCallFailure.self) { try passwd() }
    }

    @Test("a magic link is not followed, even if /proc is mounted in the root")
    func magicLink() throws {
        let proc = try scratch.directory("root/proc")
        try shell("mount -t proc proc '\(proc)' && ln -s /proc/self/root/etc/passwd '\(root)/etc'")
        try shell("rm '\(root)/etc/passwd'; ln -s /proc/1/root/etc/passwd '\(root)/etc/passwd'")
        #expect(throws: SystemCallFailure.self) { try passwd() }
    }

    @Test("a read of a pipe in place of the file does not block", .timeLimit(.minutes(10)))
    func pipe() throws {
        try shell("mkfifo '\(root)/etc/passwd'")
        #expect(try passwd() == "")
    }
}

@Suite struct OwnershipTests {
    @Test("a mark that names the run directory through a link belongs to the same daemon")
    func linked() throws {
        let scratch = try Scratch()
        let directory = try scratch.directory("data")
        let run = try scratch.directory("run")
        _ = try scratch.file("run/staunch.db")
        try Files.makeLink(scratch("link"), to: "run")
        #expect(try Ownership.claim(directory, for: scratch("link")) == nil)
        #expect(try Ownership.claim(directory, for: run) == nil)
        let other = try scratch.directory("other")
        #expect(try Ownership.claim(directory, for: other) == run, "the mark is written anew")
    }
}

@Suite struct PathTests {
    @Test("a path is normalized as bytes")
    func absolute() {
        #expect(Path.absolute("/a//./b/../\u{301}c/") == "/a/\u{301}c")
        #expect(Files.parent(of: "/a/\u{301}b") == "/a")
    }

    @Test("links on a path are followed as far as the path exists")
    func resolved() throws {
        let scratch = try Scratch()
        let real = try scratch.directory("real")
        try Files.makeLink(scratch("link"), to: "real")
        let root = try #require(Path.real(scratch.path))
        #expect(Path.resolved(scratch("link/a/b")) == root + "/real/a/b")
        #expect(Path.resolved(scratch("link")) == Path.real(real))
        #expect(Path.resolved("/") == "/")
        #expect(Path.resolved("/none/at/all") == "/none/at/all")
    }
}
