// An index names each member and its place, so that the bytes there are the member's.

import Foundation
import JSON
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct IndexTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func index(_ bytes: [UInt8]) throws -> Run {
        let file = try scratch.write("archive", bytes)
        return try scratch.run(LayerCommand.index.arguments(), input: file)
    }

    private func members(_ run: Run) throws -> [JSONValue] {
        #expect(run.code == 0, "\(run.text)\(run.errors)")
        return try JSONValue.parse(run.output)["members"]?.elements ?? []
    }

    @Test("the members of an archive of images, with names of every form")
    func docker() throws {
        let layer = Tar.noise(200_000)
        let long = String(repeating: "0123456789abcdef", count: 9) + "/layer.tar"
        var tar = Tar()
        tar.directory("blobs/")
        tar.add(Array("blobs/sha256".utf8), layer)
        tar.add("manifest.json", "[]", pax: [("mtime", "1.5")])
        tar.link("legacy/layer.tar", to: "../blobs/sha256")
        tar.longName(Array(long.utf8))
        tar.add("0123", "{\"long\":1}") { $0.format = .gnu }
        tar.add("\u{e9}", "unicode", pax: [("path", "\u{e9}\u{301}")])
        tar.hardLink("hard", to: "manifest.json")
        tar.add(Array("last".utf8), Tar.noise(1000, seed: 9))
        let bytes = tar.whole
        let found = try members(try index(bytes))
        #expect(
            found.map { $0["name"]?.string } == [
                "blobs/", "blobs/sha256", "manifest.json", "legacy/layer.tar", long,
                "\\xc3\\xa9\\xcc\\x81", "hard", "last",
            ])
        #expect(
            found.map { $0["kind"]?.string } == [
                "directory", "file", "file", "link", "file", "file", "hard-link", "file",
            ])
        try #require(found.count == 8)
        #expect(found[3]["target"]?.string == "../blobs/sha256")
        #expect(found[6]["target"]?.string == "manifest.json")
        func content(_ member: Int) -> [UInt8] {
            let from = Int(found[member]["offset"]?.integer ?? -1)
            return Array(bytes[from..<from + Int(found[member]["length"]?.integer ?? 0)])
        }
        #expect(content(1) == layer)
        #expect(content(2) == Array("[]".utf8))
        #expect(content(4) == Array("{\"long\":1}".utf8))
        #expect(content(5) == Array("unicode".utf8))
        #expect(content(7) == Tar.noise(1000, seed: 9))
    }

    @Test("an indexed layer is unpacked in place")
    func inPlace() throws {
        let layer = Tar.good.whole
        var tar = Tar()
        tar.add("manifest.json", "[]")
        tar.add(Array("layer.tar".utf8), layer)
        let member = try #require(try members(try index(tar.whole)).last)
        var request = LayerCommand.Unpacking(
            ingest: scratch.own, blob: sha256(layer), diffID: sha256(layer))
        request.offset = try #require(member["offset"]?.integer)
        request.length = member["length"]?.integer
        let run = try scratch.run(
            LayerCommand.unpack(request).arguments(), input: scratch("archive"))
        #expect(run.code == 0, "\(run.text)")
    }

    @Test("a member whose data is cut off has its length all the same")
    func cut() throws {
        var tar = Tar()
        tar.add("x", "data") { $0.size = 1 << 40 }
        let run = try index(tar.whole)
        // The caller finds the end of the file when it reads the member.
        if run.code == 0 {
            #expect(try members(run).first?["length"]?.integer == 1 << 40)
        } else {
            #expect(run.refusal?.code == .layerDamaged, "\(run.text)")
        }
    }

    @Test("what is no plain tar is refused, with words")
    func refused() throws {
        let tar = Tar.good.whole
        for bytes in [try gzipped(tar), Array("no tar".utf8), [0x1f], Array(tar.prefix(700))] {
            let run = try index(bytes)
            #expect(run.code == 1 && run.refusal?.code == .layerDamaged, "\(run.text)")
        }
        let run = try scratch.run(LayerCommand.index.arguments(), input: "/dev/null")
        #expect(run.refusal?.errno == "ESPIPE", "\(run.text)")
    }

    @Test("it runs as another user, without a capability")
    func privileges() throws {
        let file = scratch("large")
        // Headers without end, which take a while.
        var tar = Tar()
        for number in 0..<60_000 { tar.add("member\(number)") }
        _ = try scratch.write("large", tar.whole)
        let running = try Running(LayerCommand.index.arguments(), input: file, in: scratch)
        var (user, capabilities): (String?, String?)
        for _ in 0..<2000 where user == nil {
            let status = try? Files.text("/proc/\(running.pid)/status")
            let lines = status?.split(separator: "\n") ?? []
            guard lines.contains("Seccomp:\t2") else {
                usleep(500)
                continue
            }
            user = lines.first { $0.hasPrefix("Uid:") }.map(String.init)
            capabilities = lines.first { $0.hasPrefix("CapEff:") }.map(String.init)
        }
        #expect(user == "Uid:\t65534\t65534\t65534\t65534")
        #expect(capabilities == "CapEff:\t0000000000000000")
        #expect(try members(try running.wait()).count == 60_000)
    }
}
