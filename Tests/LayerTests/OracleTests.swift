// Good layers against other programs and the kernel: GNU tar, umoci, and an overlay's upper layer.

import Foundation
import Images
import JSON
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct OracleTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// What is compared of a tree: kinds, modes, owners, sizes of files, times, counts of links,
    /// targets, content and attributes. The kernel's whiteouts share one inode.
    private func facts(_ path: String) throws -> String {
        try shell(
            """
            cd '\(path)' && find . -printf '%P %y %m %U:%G %s %T@ %n %l\\n' | \
            sed -E -e 's/^([^ ]* d [^ ]* [^ ]*) [0-9]+/\\1/' -e 's/^([^ ]* c 0) .*/\\1/' | \
            LC_ALL=C sort; \
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; \
            find . \\( -type f -o -type d \\) -print0 | LC_ALL=C sort -z | \
            xargs -0 getfattr -h -d -m - 2>/dev/null
            """)
    }

    private func unpack(_ tar: [UInt8], to name: String) throws {
        let run = try scratch.unpack(tar)
        #expect(run.code == 0, "\(run.text)")
        try shell("cd '\(scratch.own)' && mkdir ../../\(name) && mv fs layer.json ../../\(name)")
    }

    @Test("the tree is that of GNU tar")
    func gnuTar() throws {
        let tar = Tar.good.whole
        let file = try scratch.write("good.tar", tar)
        try shell(
            """
            mkdir '\(scratch("gnu"))' && tar -C '\(scratch("gnu"))' -xpf '\(file)' --xattrs \
            --xattrs-include='*' --numeric-owner --same-owner
            """)
        try unpack(tar, to: "own")
        let own = try facts(scratch("own/fs"))
        #expect(own.split(separator: "\n").count > 90)
        let different = differences(try facts(scratch("gnu")), own)
        #expect(different == [])
    }

    /// Two layers: the second one removes, replaces and hides.
    private static let second: Tar = {
        var tar = Tar()
        tar.directory("./") { $0.mtime = 900_000_000 }
        tar.directory("bin", mode: 0o755) { $0.mtime = 5 }
        tar.add("bin/.wh.file1")
        tar.add("bin/file2", "replaced")
        tar.directory("usr/", mode: 0o711)
        tar.directory("usr/lib", mode: 0o755) { $0.mtime = 6 }
        tar.add("usr/lib/.wh..wh..opq")
        tar.add("usr/lib/only", "this")
        tar.add(".wh.abs")
        tar.add("new/deep/x", "x")
        tar.directory("new", mode: 0o700) { $0.mtime = 7 }
        tar.directory("new/deep") { $0.mtime = 8 }
        return tar
    }()

    @Test("the composed image is that of umoci", arguments: ["gzip -n", "cat"])
    func umoci(_ compressor: String) throws {
        let layers = [Tar.good.whole, OracleTests.second.whole]
        let image = scratch("image")
        try shell("mkdir -p '\(image)/blobs/sha256'")
        func add(_ bytes: [UInt8]) throws -> String {
            let digest = sha256(bytes)
            _ = try scratch.write("image/blobs/sha256/\(digest.hex)", bytes)
            return #""digest":"\#(digest)","size":\#(bytes.count)"#
        }
        let kind = "application/vnd.oci.image"
        let type = compressor == "cat" ? "tar" : "tar+gzip"
        var (blobs, ids, paths): ([String], [String], [String]) = ([], [], [])
        for (index, tar) in layers.enumerated() {
            let blob = try compressed(tar, compressor)
            blobs.append(#"{"mediaType":"\#(kind).layer.v1.\#(type)",\#(try add(blob))}"#)
            ids.append("\"\(sha256(tar))\"")
            let run = try scratch.unpack(blob, tar: tar)
            #expect(run.code == 0, "\(run.text)")
            try shell("mv '\(scratch.tree)' '\(scratch("layer\(index)"))'")
            paths.insert(scratch("layer\(index)"), at: 0)
        }
        let config = Array(
            """
            {"architecture":"amd64","os":"linux","config":{},\
            "rootfs":{"type":"layers","diff_ids":[\(ids.joined(separator: ","))]}}
            """.utf8)
        let manifest = Array(
            """
            {"schemaVersion":2,"mediaType":"\(kind).manifest.v1+json",\
            "config":{"mediaType":"\(kind).config.v1+json",\(try add(config))},\
            "layers":[\(blobs.joined(separator: ","))]}
            """.utf8)
        let index = """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(kind).manifest.v1+json",\
            \(try add(manifest)),"annotations":{"org.opencontainers.image.ref.name":"t"}}]}
            """
        _ = try scratch.write("image/index.json", Array(index.utf8))
        _ = try scratch.write("image/oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        try shell("umoci raw unpack --image '\(image):t' '\(scratch("umoci"))'")
        // umoci does not set the root's time.
        try shell("touch -d @900000000 '\(scratch("umoci"))'")
        let theirs = try facts(scratch("umoci"))
        #expect(theirs.split(separator: "\n").count > 80)
        let different = differences(try facts(try view(paths)), theirs)
        #expect(different == [])
    }

    /// A copy of what an overlay of the layers, the top first, shows.
    private func view(_ layers: [String]) throws -> String {
        let script = """
            set -e; cd '\(scratch.path)'; mkdir view copy
            mount -t overlay -o ro,userxattr,lowerdir='\(layers.joined(separator: ":"))' none view
            tar -C view --xattrs --xattrs-include='*' --numeric-owner -cf - . | \
            tar -C copy --xattrs --xattrs-include='*' --numeric-owner -xpf -
            """
        _ = try scratch.write("script", Array(script.utf8))
        try shell("unshare -m sh '\(scratch("script"))'")
        return scratch("copy")
    }

    private func differences(_ one: String, _ other: String) -> [Substring] {
        let (one, other) = (one.split(separator: "\n"), other.split(separator: "\n"))
        return other.difference(from: one).map {
            switch $0 {
            case .insert(_, let line, _): "+ " + line
            case .remove(_, let line, _): "- " + line
            }
        }
    }

    @Test("an overlay's upper layer is the same after a tar and an unpacking")
    func roundTrip() throws {
        try unpack(Tar.good.whole, to: "lower")
        let script = """
            set -e; cd '\(scratch.path)'; mkdir upper work merged
            mount -t overlay -o userxattr,lowerdir=lower/fs,upperdir=upper,workdir=work none merged
            cd merged; rm bin/file1 abs; rm -r usr/lib; mkdir usr/lib; touch -d @5 usr/lib/new
            chown 7:8 bin/file2; chmod 4711 bin/file6; mkdir -p new/deep; echo x >new/deep/x
            ln new/deep/x new/hard; ln -s x new/soft; mkfifo new/p; mknod new/n c 1 5
            setfattr -n user.note -v hello new; truncate -s 1M new/sparse; touch -d @77.5 new/deep
            """
        _ = try scratch.write("script", Array(script.utf8))
        try shell("unshare -m sh '\(scratch("script"))'")
        let upper = scratch("upper")
        // The kernel's own notes on the origin of copied files are no part of a layer.
        try shell(
            """
            cd '\(upper)'; for name in origin impure uuid; do find . -print0 | \
            xargs -0 setfattr -h -x user.overlay.$name 2>/dev/null || true; done
            """)
        let tar = try layer(of: upper)
        try unpack(tar, to: "again")
        let before = try facts(upper)
        #expect(before.contains("user.overlay.opaque"))
        let different = differences(try facts(scratch("again/fs")), before)
        #expect(different == [])
    }

    /// The tar of an upper layer, with whiteouts as a layer has them: GNU tar's, because its
    /// headers are not our own writer's, and then our entries for whiteouts.
    private func layer(of upper: String) throws -> [UInt8] {
        let found = try listing(upper)
        var marks = Tar()
        for line in found where line.hasPrefix("c 0 ") || line.contains("{user.overlay.opaque}") {
            let path = String(line.split(separator: " ").last ?? "")
            if line.hasPrefix("c") {
                let parts = path.split(separator: "/")
                let parent = parts.dropLast().map { $0 + "/" }.joined()
                marks.add("\(parent).wh.\(parts.last ?? "")")
            } else {
                marks.add("\(path)/.wh..wh..opq")
            }
        }
        try #require(marks.bytes.count == 512 * 3)
        let file = scratch("upper.tar")
        try shell(
            """
            cd '\(upper)'; find . -type c -links 1 -perm 000 -printf '%P\\n' >../whiteouts
            tar -cf '\(file)' --format=pax --xattrs --xattrs-include='user.*' --numeric-owner \
            --exclude-from=../whiteouts .
            """)
        // Without GNU tar's end, so that the marks follow; the times are set at the very end.
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        let end = bytes.lastIndex { $0 != 0 } ?? 0
        return Array(bytes.prefix((end / 512 + 1) * 512)) + marks.whole
    }
}
