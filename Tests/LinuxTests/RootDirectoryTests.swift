// Paths in a root with untrusted content: where they lead, and that none leads outside.

import Glibc
import Kernel
import Linux
import Testing

@Suite struct RootDirectoryTests {
    @Test(
        "a path is resolved as if this were the root directory",
        arguments: [
            ("/a/b", "/a/b"), ("a//b/./c", "/a/b/c"), ("/../../a", "/a"),
            ("/absolute/x", "/outside/x"), ("/relative/x", "/a/x"), ("/up/x", "/etc/x"),
            ("/chain/x", "/a/x"), ("/dangling/x", "/no/such/x"), ("/a/../absolute", "/outside"),
            ("/missing/../a", "/a"),
        ])
    func resolves(_ path: String, _ expected: String) throws {
        try withRoot { root, _ in
            let found = try root.resolve(path, stops: [])
            #expect(shownPath(found.names) == expected)
        }
    }

    @Test("the resolution of a path stops at a mount, and returns the rest")
    func stops() throws {
        try withRoot { root, _ in
            let found = try root.resolve("/relative/link/x", stops: [[Array("a".utf8)]])
            #expect(shownPath(found.names) == "/a")
            #expect(shownPath(found.rest) == "/link/x")
        }
    }

    @Test("endless links and files on the path are reported")
    func refuses() throws {
        try withRoot { root, _ in
            for (path, errno) in [("/round/x", ELOOP), ("/file/x", ENOTDIR)] {
                var seen: CInt = 0
                do throws(SystemCallFailure) { _ = try root.resolve(path, stops: []) } catch {
                    seen = error.errno
                }
                #expect(seen == errno, "\(path)")
            }
        }
    }

    @Test("a directory or a file is made, and never through a link")
    func makes() throws {
        try withRoot { root, path in
            try root.makeDirectory(RootDirectory.names(in: "/new/deep/er".utf8))
            try root.makeFile(RootDirectory.names(in: "/new/file".utf8))
            // A link at the end of the path is replaced; a link on the way is refused.
            try root.makeFile(RootDirectory.names(in: "/a/link".utf8))
            let made = try root.type(of: RootDirectory.names(in: "/new/deep/er".utf8))
            let replaced = try root.type(of: RootDirectory.names(in: "/a/link".utf8))
            #expect(made == .directory)
            #expect(replaced == .other)
            var refused: CInt = 0
            do throws(SystemCallFailure) {
                try root.makeDirectory(RootDirectory.names(in: "/absolute/x".utf8))
            } catch { refused = error.errno }
            #expect(refused == ENOTDIR)
            #expect(try Files.names(in: path + "/../outside") == [])
        }
    }

    private func withRoot(
        _ body: (borrowing RootDirectory, String) throws -> Void
    ) throws {
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        for name in ["root/a", "outside"] { _ = try scratch.directory(name) }
        _ = try scratch.file("root/file")
        for (link, target) in [
            ("absolute", "/outside"), ("relative", "a"), ("up", "../../etc"),
            ("chain", "absolute2"), ("absolute2", "/relative"), ("dangling", "/no/such"),
            ("round", "round"), ("a/link", "/outside"),
        ] {
            // SAFETY: both C strings live for the call.
            #expect(unsafe symlink(target, "\(root)/\(link)") == 0)
        }
        try body(RootDirectory(root), root)
    }
}
