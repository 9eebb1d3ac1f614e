// A tree is removed whatever it contains, and nothing else is: no link targets, and nothing that is
// mounted below.

import Foundation
import Glibc
import Kernel
import Linux
import Testing

@Suite struct TreeTests {
    let scratch: Scratch
    let canary: String

    init() throws {
        scratch = try Scratch()
        canary = try scratch.file("outside/canary")
        try Files.makeDirectory(scratch("tree"))
    }

    private func remove() -> CInt {
        errorNumber { () throws(SystemCallFailure) in
            try Tree.remove("tree", in: scratch.path)
        }
    }

    private func exists(_ name: String) throws -> Bool { try Files.exists(scratch(name)) }

    @Test("files, directories, links, pipes, sockets and devices are removed")
    func everyKind() throws {
        _ = try scratch.file("tree/a/b/file")
        try shell("cd \(scratch("tree")) && ln a/b/file hard && ln -s a soft && mkfifo pipe")
        try shell("cd \(scratch("tree")) && mknod null c 1 3 && chmod 000 a/b a")
        let directory = try OwnedDescriptor.directory(scratch("tree"))
        _ = try PacketSocket.listening(as: "socket", in: directory)
        #expect(remove() == 0)
        #expect(try !exists("tree"))
    }

    @Test("neither a missing tree nor a missing parent fails a removal")
    func gone() throws {
        #expect(remove() == 0)
        #expect(remove() == 0)
        try Tree.remove("tree", in: scratch("not-there"))
    }

    @Test("on a read-only file system a missing tree is gone, and an existing tree fails")
    func readOnly() throws {
        try shell("cd \(scratch("tree")) && mkdir ro && mount -t tmpfs none ro && touch ro/file")
        try shell("mount -o remount,ro \(scratch("tree/ro"))")
        try Tree.remove("nothing", in: scratch("tree/ro"))
        #expect(try !Files.removeFile(scratch("tree/ro/nothing")))
        #expect(throws: SystemCallFailure.self) { try Tree.remove("file", in: scratch("tree/ro")) }
        #expect(throws: SystemCallFailure.self) { try Files.removeFile(scratch("tree/ro/file")) }
        try shell("umount \(scratch("tree/ro"))")
    }

    @Test("files with names that are not UTF-8 or have 255 bytes are removed")
    func names() throws {
        try shell(
            #"""
            cd "\#(scratch("tree"))" && mkdir "$(printf 'd\377\376')"
            touch "$(printf 'd\377\376/\200x')" "$(printf '%0255d' 0)" "$(printf 'a\nb')" -- '-rf'
            """#)
        #expect(try Files.names(in: scratch("tree")).count == 4)
        #expect(remove() == 0)
        #expect(try !exists("tree"))
    }

    @Test("a directory of 10,000 files, more than one read returns, is removed")
    func wide() throws {
        try shell("cd \(scratch("tree")) && seq 10000 | xargs touch")
        #expect(remove() == 0)
        #expect(try !exists("tree"))
    }

    /// Any container can make such a tree, with nothing but mkdir and chdir.
    @Test("a tree deeper than PATH_MAX is removed", arguments: [1000, 6000])
    func deep(levels: Int) throws {
        try makeDeepTree(levels: levels)
        #expect(remove() == 0)
        #expect(try !exists("tree"))
    }

    @Test("a deep tree takes few descriptors, and may contain our temporary names")
    func deepWithFewDescriptors() async {
        await #expect(processExitsWith: .success) {
            let tests = try TreeTests()
            try tests.makeDeepTree(levels: 1000)
            _ = try tests.scratch.file("tree/.moved-1/file")
            _ = try tests.scratch.file("tree/.moved-2")
            var limit = rlimit(rlim_cur: 150, rlim_max: 150)
            try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            try #require(tests.remove() == 0)
            try #require(try !tests.exists("tree"))
        }
    }

    private func makeDeepTree(levels: Int) throws {
        try shell(
            """
            cd \(scratch("tree")) && python3 -c '
            import os
            for _ in range(\(levels)):
                os.mkdir("twelve-bytes"); os.chdir("twelve-bytes")
            open("file", "w").close()'
            """)
    }

    @Test("immutable and append-only files and directories are removed", arguments: ["+i", "+a"])
    func immutable(flag: String) throws {
        _ = try scratch.file("tree/a/file")
        try Files.makeDirectory(scratch("tree/empty"))
        try shell("cd \(scratch("tree")) && chattr \(flag) a/file empty a")
        #expect(throws: CommandFailed.self, "the flag does nothing here") {
            try shell("rm -rf \(scratch("tree"))")
        }
        #expect(remove() == 0)
        #expect(try !exists("tree"))
    }

    @Test("a link is removed, and its target stays")
    func links() throws {
        let tree = scratch("tree")
        try shell("ln -s '\(scratch("outside"))' '\(tree)/out' && ln -s .. '\(tree)/up'")
        try shell("ln -s '\(canary)' '\(tree)/file' && ln -s nowhere '\(tree)/dangling'")
        #expect(remove() == 0)
        #expect(try !exists("tree"))
        #expect(try Files.text(canary) == "canary")
    }

    @Test("a tree that is a link loses only the link")
    func linkAtTheTop() throws {
        try shell("rmdir '\(scratch("tree"))' && ln -s outside '\(scratch("tree"))'")
        #expect(remove() == 0)
        #expect(try !exists("tree"))
        #expect(try Files.text(canary) == "canary")
    }

    @Test(
        "a mount below stays byte for byte, and stops the removal",
        arguments: ["tree", "tree/a", "tree/a/b/c"])
    func mounts(at name: String) throws {
        let target = try scratch.directory(name)
        try shell("mount --bind '\(scratch("outside"))' '\(target)'")
        #expect([EXDEV, EBUSY].contains(remove()))
        #expect(try Files.text(canary) == "canary")
        #expect(try Files.text(target + "/canary") == "canary")
        try Mounts.unmount(target)
        #expect(remove() == 0)
        #expect(try !exists("tree"))
        #expect(try Files.text(canary) == "canary")
    }

    @Test("a tmpfs below stays with its content")
    func tmpfs() throws {
        let target = try scratch.directory("tree/a")
        try Mounts.tmpfs(at: target, options: "size=64k")
        try Files.replace(target + "/inside", Array("kept".utf8))
        #expect([EXDEV, EBUSY].contains(remove()))
        #expect(try Files.text(target + "/inside") == "kept")
    }

    @Test("a file that is mounted over another file stays")
    func fileMount() throws {
        let target = try scratch.file("tree/over", "under")
        try shell("mount --bind '\(canary)' '\(target)'")
        #expect(remove() == EBUSY)
        #expect(try Files.text(target) == "canary")
    }
}
