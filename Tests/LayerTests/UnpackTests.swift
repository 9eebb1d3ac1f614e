// One blob becomes one tree, or is refused: digests, limits, places, results, and the death of the
// program at any moment.

import Foundation
import Glibc
import Images
import JSON
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct UnpackTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("the result and layer.json describe the layer")
    func description() throws {
        var tar = Tar()
        tar.directory("d")
        tar.add("d/x", String(repeating: "x", count: 5000))
        tar.add("a/b/y", pax: [("SCHILY.xattr.trusted.x", "1"), ("SCHILY.xattr.user.x", "1")])
        tar.directory("a")
        tar.add(".wh..wh..opq")
        let blob = try gzipped(tar.whole)
        let run = try scratch.unpack(blob, tar: tar.whole)
        let found = try #require(run.description, "\(run.text)\(run.errors)")
        let digests = (sha256(tar.whole), sha256(blob))
        #expect(found.diffID == digests.0 && found.blob == digests.1)
        #expect(found.mediaType == "application/vnd.oci.image.layer.v1.tar")
        #expect(found.tarSize == tar.whole.count)
        #expect(found.entries == 7)
        #expect(!found.rootIsExplicit && found.rootIsOpaque)
        #expect(found.droppedAttributes == 1)
        let blocks = try shell("du -s --block-size=512 '\(scratch.tree)' | cut -f 1")
        #expect(Int64(blocks.dropLast()).map { $0 * 512 } == found.diskSize)
        let file = try Files.read(scratch.own + "/layer.json")
        let stored = try #require(LayerDescription(try .parse(file)))
        // The directory "a" has an entry, although one below it came first.
        #expect(stored.implied == [Array("a/b".utf8)])
        var bare = stored
        bare.implied = []
        #expect(bare == found)
        #expect(run.errors.isEmpty && run.code == 0)
    }

    @Test("implied directories are named by their place, not by the link to it")
    func impliedThroughLink() throws {
        var tar = Tar()
        tar.directory("d")
        tar.link("l", to: "/d")
        tar.add("l/e/\u{e9}/x")
        tar.add("gone/x")
        tar.link("gone", to: "d")
        let run = try scratch.unpack(tar.whole)
        #expect(run.code == 0, "\(run.text)")
        let file = try Files.read(scratch.own + "/layer.json")
        let stored = try #require(LayerDescription(try .parse(file)))
        #expect(stored.implied == [Array("d/e".utf8), Array("d/e/\u{e9}".utf8)])
    }

    @Test("times are those of the tar, of directories too; an implied directory has none")
    func times() throws {
        var tar = Tar()
        tar.directory("d") { $0.mtime = 1000 }
        tar.add("d/x", pax: [("mtime", "2000.25")])
        tar.link("d/l", to: "x")
        tar.add("d/e/y") { $0.mtime = 3000 }
        tar.directory("d/f") { $0.mtime = 4000 }
        tar.add("d/f/z")
        tar.directory("d") { $0.mtime = 5000 }
        #expect(try scratch.unpack(tar.whole).code == 0)
        let found = try shell("cd '\(scratch.tree)' && stat -c '%.2Y %n' d d/x d/l d/e d/e/y d/f")
        #expect(
            found == """
                5000.00 d
                2000.25 d/x
                1000000000.00 d/l
                0.00 d/e
                3000.00 d/e/y
                4000.00 d/f

                """)
    }

    @Test("a blob with another digest is refused before any of it is parsed")
    func wrongBlob() throws {
        let tar = Tar.good.whole
        let run = try scratch.unpack(tar) { $0.blob = $0.blob.changed }
        #expect(run.code == 1 && run.refusal?.code == .digestMismatch, "\(run.text)")
        #expect(run.refusal?.detail.hasPrefix("the blob is sha256:") == true)
        #expect(try listing(scratch.tree).count == 1)
        // Bytes that would be a damaged layer are a mismatch, too: nothing has parsed them.
        let junk = try scratch.unpack([1, 2, 3]) { $0.blob = $0.blob.changed }
        #expect(junk.refusal?.code == .digestMismatch)
    }

    @Test("a tar with another digest is refused")
    func wrongTar() throws {
        let tar = Tar.good.whole
        let run = try scratch.unpack(try gzipped(tar)) { $0.diffID = $0.diffID.changed }
        #expect(run.code == 1 && run.refusal?.code == .digestMismatch, "\(run.text)")
        #expect(run.refusal?.detail.hasPrefix("the tar is sha256:") == true)
        #expect(try Files.read(scratch.own + "/layer.json").isEmpty)
    }

    @Test("more bytes or entries than the limit are refused")
    func limits() throws {
        let tar = Tar.good.whole
        let fits = try scratch.unpack(tar) { ($0.maxBytes, $0.maxEntries) = (Int64(tar.count), 53) }
        #expect(fits.code == 0, "\(fits.text)")
        let bytes = try scratch.unpack(tar) { $0.maxBytes = Int64(tar.count) - 1 }
        #expect(bytes.refusal?.code == .layerTooLarge, "\(bytes.text)")
        let entries = try scratch.unpack(tar) { $0.maxEntries = 52 }
        #expect(entries.refusal?.code == .layerTooLarge, "\(entries.text)")
        #expect(entries.refusal?.entry == "usr/lib/big")
    }

    @Test("a bomb ends at the limit, at once and with little on the disk")
    func bomb() throws {
        var tar = Tar()
        tar.add("x") { $0.size = 1 << 30 }
        let zeros = "(cat; head -c 1073742848 /dev/zero) | gzip -1n"
        let blob = try compressed(tar.bytes, "sh -c '\(zeros)'")
        let run = try scratch.unpack(blob, tar: []) { $0.maxBytes = 64 << 20 }
        #expect(run.refusal?.code == .layerTooLarge && run.refusal?.entry == "x", "\(run.text)")
        let used = try shell("du -sm '\(scratch.tree)' | cut -f 1")
        #expect(Int(used.dropLast()).map { $0 <= 66 } == true)
    }

    @Test("a part of a file, or standard input, can be the blob")
    func places() throws {
        let tar = Tar.good.whole
        let blob = try gzipped(tar)
        let file = [7, 7, 7] + blob + [9, 9]
        _ = try scratch.unpacking(file, tar: tar)
        var request = LayerCommand.Unpacking(
            ingest: scratch.own, blob: sha256(blob), diffID: sha256(tar))
        (request.offset, request.length) = (3, Int64(blob.count))
        let input = scratch.own + "/blob.part"
        let run = try scratch.run(LayerCommand.unpack(request).arguments(), input: input)
        #expect(run.code == 0, "\(run.text)\(run.errors)")
        request.length = Int64(blob.count) + 3
        let long = try scratch.run(LayerCommand.unpack(request).arguments(), input: input)
        #expect(long.refusal?.detail.contains("ends early") == true, "\(long.text)")
        let null = try scratch.run(LayerCommand.unpack(request).arguments(), input: "/dev/null")
        #expect(null.refusal?.code == .hostFailed)
    }

    @Test("what an earlier run has left is removed first")
    func leftovers() throws {
        try shell("mkdir -p '\(scratch.tree)/old/deep' && echo >'\(scratch.tree)/old/file'")
        try shell("mkdir '\(scratch.own)/layer.json' && chattr +i '\(scratch.tree)/old/file'")
        var tar = Tar()
        tar.add("new")
        #expect(try scratch.unpack(tar.whole).code == 0)
        #expect(try listing(scratch.tree) == ["d 755 0:0 ", "f 644 0:0 0 new"])
        #expect(try Files.read(scratch.own + "/layer.json").isEmpty == false)
    }

    @Test("an ACL of the ingest's directory is not on the tree")
    func ingestACL() throws {
        try shell("setfacl -d -m u:5:rwx '\(scratch.own)'")
        var tar = Tar()
        tar.add("x")
        tar.add("d/y")
        #expect(try scratch.unpack(tar.whole).code == 0)
        #expect(
            try listing(scratch.tree)
                == ["d 755 0:0 ", "d 755 0:0 d", "f 644 0:0 0 d/y", "f 644 0:0 0 x"])
    }

    @Test("the result of a wrong command line, of a missing ingest, and of a second process")
    func failures() throws {
        #expect(try scratch.run(["unpack", "--blob"]).code == 2)
        #expect(try scratch.run([]).errors.contains("--help"))
        var request = try scratch.unpacking([], tar: [])
        request.ingest = scratch("nowhere")
        let missing = try scratch.run(LayerCommand.unpack(request).arguments())
        #expect(missing.code == 1 && missing.refusal?.errno == "ENOENT", "\(missing.text)")
        let lock = try OwnedDescriptor.opening(scratch("lock"), O_RDWR | O_CREAT, mode: 0o600)
        #expect(try lock.tryLock())
        request.ingest = scratch.own
        let words = LayerCommand.unpack(request).arguments(LayerDescriptors(lock: 3))
        let second = try scratch.run(words, others: [scratch("lock")])
        #expect(second.code == 4 && second.output.isEmpty, "\(second.text)")
    }

    @Test("the last progress is all of it, and the lock is held to the end")
    func progress() throws {
        let tar = Tar.good.whole
        let blob = try gzipped(tar)
        let request = try scratch.unpacking(blob, tar: tar)
        let words = LayerCommand.unpack(request)
            .arguments(LayerDescriptors(lock: 3, progress: 4))
        let files = [scratch("lock"), scratch("progress")]
        let running = try Running(words, others: files, in: scratch)
        #expect(try running.wait().code == 0)
        let record = try Files.read(scratch("progress"))
        #expect(
            LayerProgress(record: record)
                == LayerProgress(
                    blobBytes: Int64(blob.count), tarBytes: Int64(tar.count), entries: 53))
    }

    @Test("after a kill at any moment, a second run does all of it", arguments: 0..<40)
    func kill(_ number: Int) throws {
        let tar = Tar.good.whole
        let request = try scratch.unpacking(try gzipped(tar), tar: tar)
        let before = try scratch.surroundings()
        let running = try Running(LayerCommand.unpack(request).arguments(), in: scratch)
        usleep(UInt32(number * 500))
        running.kill()
        let run = try running.wait()
        // The program may have ended before the signal.
        #expect(run.result == nil || run.description != nil, "\(run.text)")
        #expect(try scratch.surroundings() == before)
        #expect(try scratch.unpack(try gzipped(tar), tar: tar).code == 0)
        let other = try Scratch()
        #expect(try other.unpack(try gzipped(tar), tar: tar).code == 0)
        #expect(try listing(scratch.tree) == listing(other.tree))
        #expect(
            try Files.read(scratch.own + "/layer.json") == Files.read(other.own + "/layer.json"))
    }
}

extension Digest {
    /// With another first byte.
    fileprivate var changed: Digest {
        Digest(bytes: [bytes[0] ^ 1] + bytes.dropFirst()) ?? self
    }
}
