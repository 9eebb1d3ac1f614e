// The values between the daemon and the program: each is read as it was written, and nothing else
// is read.

import Images
import JSON
import LayerProtocol
import Testing

@testable import Layer

@Suite struct ProtocolTests {
    @Test("a digest is `sha256:` and 64 lower-case digits")
    func digest() throws {
        let hex = String(repeating: "0123456789abcdef", count: 4)
        let digest = try #require(Digest("sha256:" + hex))
        #expect(digest.description == "sha256:" + hex && digest.hex == hex)
        #expect(digest.bytes.count == 32 && digest.bytes[1] == 0x23)
        for text in [
            hex, "sha256:", "sha256:" + hex.dropLast(), "sha256:\(hex)0", "sha512:" + hex,
            "sha256:" + hex.uppercased(), "sha256:" + hex.dropLast() + "g", "SHA256:" + hex,
        ] { #expect(Digest(text) == nil, "\(text)") }
    }

    @Test("a name is escaped without a loss")
    func names() {
        let every = (0...255).map { UInt8($0) }
        #expect(EscapedName.bytes(of: EscapedName(every).description) == every)
        #expect(EscapedName(Array("a b\\é\n".utf8)).description == "a b\\x5c\\xc3\\xa9\\x0a")
        for text in ["\\", "\\x", "\\x4", "\\x41", "\\xE9", "\\n", "é", "\\x-1"] {
            #expect(EscapedName.bytes(of: text) == nil, "\(text)")
        }
    }

    @Test("a record of the progress is read if it is whole")
    func progress() {
        let progress = LayerProgress(blobBytes: 1, tarBytes: .max, entries: 4_000_000)
        let record = progress.record
        #expect(record.count == LayerProgress.size && record.last == 10)
        #expect(LayerProgress(record: record) == progress)
        let other = LayerProgress(blobBytes: 77_777, tarBytes: 88_888_888, entries: 9).record
        for cut in 1..<LayerProgress.size {
            let torn = Array(record.prefix(cut) + other.suffix(other.count - cut))
            #expect(torn == record || torn == other || LayerProgress(record: torn) == nil)
        }
        #expect(LayerProgress(record: []) == nil)
        #expect(LayerProgress(record: Array(record.dropLast())) == nil)
    }

    @Test("a command is read as it was written")
    func commands() throws {
        let digest = try #require(Digest(hex: String(repeating: "a", count: 64)))
        var unpacking = LayerCommand.Unpacking(ingest: "/i", blob: digest, diffID: digest)
        unpacking.file = "b.part"
        (unpacking.offset, unpacking.length, unpacking.mediaType) = (3, 4, "t")
        (unpacking.maxBytes, unpacking.maxEntries) = (5, 6)
        let descriptors = LayerDescriptors(lock: 3, progress: 4)
        for command in [
            LayerCommand.unpack(unpacking),
            .unpack(LayerCommand.Unpacking(ingest: "/i", blob: digest, diffID: digest)),
            .remove(directory: "/d", name: "n"), .sync(images: "/s"), .list(images: "/l"),
            .fix(output: "/o", layers: ["/1", "/2"]), .index,
        ] {
            let (read, with) = try LayerCommand.parse(command.arguments(descriptors))
            #expect(read == command && with == descriptors)
            #expect(try LayerCommand.parse(command.arguments()).1 == LayerDescriptors())
        }
    }

    @Test(
        "a wrong command line is told by its word",
        arguments: [
            ([], "a verb"), (["pack"], "pack"), (["list"], "0 arguments"), (["index", "x"], "1"),
            (["list", "--file", "x", "y"], "--file"), (["list", "--lock"], "--lock"),
            (["list", "--lock", "-1", "y"], "-1"), (["unpack", "/i"], "--blob"),
            (["list", "--lock", "1", "--lock", "2", "y"], "twice"),
            (["unpack", "--blob", "sha256:00", "/i"], "sha256:00"), (["fix", "/o"], "1 arguments"),
        ])
    func usage(_ words: [String], _ part: String) {
        #expect {
            try LayerCommand.parse(words)
        } throws: { ($0 as? LayerUsage)?.detail.contains(part) == true }
    }

    @Test("a result is read if it is whole, and is one page at most")
    func results() throws {
        let digest = try #require(Digest(hex: String(repeating: "a", count: 64)))
        var description = LayerDescription(diffID: digest, blob: digest, mediaType: "m")
        (description.tarSize, description.rootIsExplicit) = (7, true)
        let endless = [UInt8](repeating: 0xff, count: 100_000)
        let long = LayerRefusal(
            .noSpace, String(repeating: "\n", count: 9999), entry: endless, errno: "ENOSPC")
        for result in [
            LayerResult.done(description), .refused(long),
            .refused(LayerRefusal(.layerRefused, "d", entry: [0xe9, 0x5c])),
        ] {
            let line = result.line
            #expect(LayerResult(line) == result)
            #expect(line.count <= 4096 && line.last == 10)
            for length in 0..<line.count { #expect(LayerResult(Array(line.prefix(length))) == nil) }
        }
    }

    @Test("too many implied directories are too large a layer")
    func implied() throws {
        var implied = ImpliedDirectories()
        for inode in 0..<UInt64(65536) { try implied.add([1], inode: inode) }
        #expect(throws: TreeFailure.self) { try implied.add([1], inode: 65536) }
        var long = ImpliedDirectories()
        let path = [UInt8](repeating: 1, count: 4096)
        for inode in 0..<UInt64(1024) { try long.add(path, inode: inode) }
        #expect(throws: TreeFailure.self) { try long.add([1], inode: 2000) }
    }
}
