// Implied directories show what the layers below say of them, and nothing that was removed comes
// back: in a real overlay.

import Foundation
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct FixTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Unpacks the layers, the bottom layer first, makes the fix layer, and mounts all of it.
    /// Returns the directories in the fix layer, and the lines that `show` prints in the mount.
    private func compose(
        _ layers: [(inout Tar) -> Void], show: String
    ) throws -> (fix: [String], view: String) {
        var paths: [String] = []
        for (index, fill) in layers.enumerated() {
            var tar = Tar()
            fill(&tar)
            let run = try scratch.unpack(tar.whole)
            #expect(run.code == 0, "\(run.text)")
            paths.insert(scratch("layer\(index)"), at: 0)
            try shell(
                "mkdir '\(paths[0])' && cd '\(scratch.own)' && mv fs layer.json '\(paths[0])'")
        }
        try Files.makeDirectory(scratch("fix"))
        let run = try scratch.run(
            LayerCommand.fix(output: scratch("fix"), layers: paths).arguments())
        #expect(run.code == 0, "\(run.text)")
        let hasFix = try Files.exists(scratch("fix/fs"))
        let all = (hasFix ? [scratch("fix")] : []) + paths
        let lower = (all + [scratch("empty")]).map { $0 + "/fs" }.joined(separator: ":")
        try shell("mkdir -p '\(scratch("empty/fs"))' '\(scratch("view"))'")
        let script = """
            mount -t overlay -o ro,userxattr,lowerdir='\(lower)' none '\(scratch("view"))'
            cd '\(scratch("view"))'; \(show)
            """
        let fix = hasFix ? try listing(scratch("fix/fs")) : []
        return (fix, try shell("unshare -m sh -c \"\(script)\""))
    }

    @Test("mode, owner, attributes and time are those of the nearest entry below")
    func attributes() throws {
        let (fix, view) = try compose(
            [
                { tar in
                    tar.directory("./", mode: 0o750) { $0.uid = 9 }
                    tar.directory("a", mode: 0o711) { $0.uid = 7 }
                    tar.directory("a/b", mode: 0o700, pax: [("SCHILY.xattr.user.k", "v")]) {
                        ($0.uid, $0.gid, $0.mtime) = (1000, 1001, 77)
                    }
                    tar.add("a/b/old")
                },
                { tar in tar.add("a/b/new") },
                { tar in tar.add("a/b/c/newest") },
            ], show: "stat -c '%a %u:%g %Y %n' . a a/b a/b/c a/b/new; ls a/b")
        #expect(
            fix == ["d 750 9:0 ", "d 711 7:0 a", "d 700 1000:1001 {user.k} a/b"])
        #expect(
            view == """
                750 9:0 1000000000 .
                711 7:0 1000000000 a
                700 1000:1001 77 a/b
                755 0:0 0 a/b/c
                644 0:0 1000000000 a/b/new
                c
                new
                old

                """)
    }

    @Test("there is no fix layer if nothing is hidden")
    func nothing() throws {
        let (fix, view) = try compose(
            [
                { tar in
                    tar.directory("./")
                    tar.directory("a")
                },
                { tar in tar.add("a/x") },
                { tar in
                    tar.directory("a", mode: 0o700)
                    tar.add("a/y")
                },
            ], show: "stat -c '%a %n' a; ls a")
        #expect(fix == [])
        #expect(view == "700 a\nx\ny\n")
    }

    @Test("a directory that a layer above removed or replaced does not come back")
    func removed() throws {
        let (fix, view) = try compose(
            [
                { tar in
                    tar.directory("./")
                    for name in ["gone", "file", "link", "parent", "parent/gone"] {
                        tar.directory(name, mode: 0o700)
                    }
                },
                { tar in
                    for name in ["gone", "file", "link", "parent/gone"] { tar.add("\(name)/x") }
                },
                { tar in
                    tar.directory("./")
                    tar.add(".wh.gone")
                    tar.add("file")
                    tar.link("link", to: "file")
                    tar.add(".wh.parent")
                },
            ], show: "find . | sort")
        #expect(fix == [])
        #expect(view == ".\n./file\n./link\n")
    }

    @Test("what is below a removal or an opaque directory does not count")
    func hidden() throws {
        let (fix, view) = try compose(
            [
                { tar in
                    tar.directory("./")
                    for name in ["a", "b", "b/c", "d"] { tar.directory(name, mode: 0o700) }
                },
                { tar in
                    tar.directory("./")
                    tar.add(".wh.a")
                    tar.directory("b", mode: 0o711)
                    tar.add("b/.wh..wh..opq")
                    tar.add("d/.wh..wh..opq")
                    tar.add("d/x")
                },
                { tar in
                    tar.directory("./")
                    tar.add("a/x")
                    tar.add("b/c/x")
                },
            ], show: "stat -c '%a %n' a b b/c d")
        // The mark of `d` hides its content, but not what it looks like.
        #expect(view == "755 a\n711 b\n755 b/c\n700 d\n")
        #expect(fix == ["d 755 0:0 ", "d 711 0:0 b", "d 700 0:0 d"])
    }

    @Test("a root that hides everything below is told, because the kernel ignores its mark")
    func opaqueRoot() throws {
        let (fix, view) = try compose(
            [
                { tar in
                    tar.directory("./", mode: 0o700)
                    tar.directory("a", mode: 0o700)
                },
                { tar in
                    tar.add(".wh..wh..opq")
                    tar.add("a/x")
                },
            ], show: "ls")
        #expect(fix == [] && view == "a\n")
    }
}
