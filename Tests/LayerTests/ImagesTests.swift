// The images' directory: what survives a loss of power is marked, and a list tells all of it.

import Bytes
import Foundation
import Images
import JSON
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct ImagesTests {
    let scratch: Scratch
    let images: String

    init() throws {
        scratch = try Scratch()
        images = scratch("images")
        let names = ImagesDirectory.allCases.map(\.rawValue).joined(separator: " ")
        try shell("mkdir -p '\(images)'; cd '\(images)'; mkdir \(names)")
    }

    /// A layer as the daemon publishes it.
    private func layer(_ text: String) throws -> String {
        let digest = sha256(Array(text.utf8))
        let folder = "\(images)/layers/\(digest.hex)"
        try shell("mkdir -p '\(folder)/fs'")
        var description = LayerDescription(diffID: digest, blob: digest, mediaType: "m")
        description.implied = [[0xe9]]
        var json = JSONWriter()
        description.write(to: &json)
        try Files.replace(folder + "/layer.json", Array(json.finish().bytes))
        return digest.hex
    }

    private func list() throws -> [JSONValue] {
        let run = try scratch.run(LayerCommand.list(images: images).arguments())
        #expect(run.code == 0, "\(run.text)\(run.errors)")
        return try run.output.split(separator: 10).map { try JSONValue.parse(Array($0)) }
    }

    @Test("a sync marks the layers and fixes that are whole, and no others")
    func sync() throws {
        let (one, two) = (try layer("one"), try layer("two"))
        try Files.replace("\(images)/layers/\(two)/synced", [])
        try shell(
            "cd '\(images)'; mkdir -p fix/f/fs layers/no-tree; touch layers/file; ln -s / layers/l")
        let run = try scratch.run(LayerCommand.sync(images: images).arguments())
        #expect(run.code == 0, "\(run.text)")
        #expect(run.text == #"{"state":"done","layers":["\#(one)"],"fix":["f"]}"# + "\n")
        #expect(try Files.exists("\(images)/layers/\(one)/synced"))
        #expect(try Files.exists("\(images)/fix/f/synced"))
        #expect(try !Files.exists("\(images)/layers/no-tree/synced"))
        let again = try scratch.run(LayerCommand.sync(images: images).arguments())
        #expect(again.text == #"{"state":"done","layers":[],"fix":[]}"# + "\n")
    }

    @Test("each mark is made after the sync")
    func order() throws {
        _ = try layer("one")
        let words = LayerCommand.sync(images: images).arguments().joined(separator: " ")
        let trace = scratch("trace")
        try shell("strace -f -o '\(trace)' -e trace=syncfs,openat '\(program)' \(words)")
        let lines = try Files.text(trace, limit: 1 << 20).split(separator: "\n")
        let sync = try #require(lines.firstIndex { $0.contains("syncfs(") && $0.hasSuffix("= 0") })
        let mark = try #require(lines.firstIndex { $0.contains("\"synced\"") })
        #expect(sync < mark)
    }

    @Test("a list tells what is there, and what about it is not right")
    func everything() throws {
        let (whole, synced, broken) = (try layer("whole"), try layer("synced"), try layer("broken"))
        try Files.replace("\(images)/layers/\(synced)/synced", [])
        try Files.replace("\(images)/layers/\(broken)/layer.json", Array("{".utf8))
        let other = try layer("other")
        let layers = images + "/layers"
        try shell("cp '\(layers)/\(whole)/layer.json' '\(layers)/\(other)/layer.json'")
        let document = Array(#"{"schemaVersion":2}"#.utf8)
        let name = sha256(document).hex
        try Files.replace("\(images)/documents/\(name)", document)
        try Files.replace("\(images)/documents/\(whole)", document)
        try Files.replace("\(images)/refs/\(name)", Array(#"{"ref":"a"}"#.utf8))
        try shell(
            """
            cd '\(images)'; mkdir -p fix/m/fs ingest/u/fs trash/t other layers/name
            printf 12345 >ingest/u/x.part; echo >refs/bad
            """)
        let lines = try list()
        func line(_ kind: String, _ name: String) -> JSONValue? {
            lines.first { $0["kind"]?.string == kind && $0["name"]?.string == name }
        }
        #expect(line("layer", whole)?["synced"]?.bool == false)
        #expect(line("layer", whole)?["fault"] == .null)
        let described = line("layer", whole)?["description"].flatMap { LayerDescription($0) }
        #expect(described?.diffID.hex == whole && described?.implied == [[0xe9]])
        #expect(line("layer", synced)?["synced"]?.bool == true)
        #expect(line("layer", broken)?["description"] == .null)
        #expect(line("layer", broken)?["fault"]?.string?.hasPrefix("layer.json") == true)
        #expect(line("layer", other)?["description"] == .null)
        #expect(line("layer", "name")?["fault"]?.string == "the name is no digest")
        #expect(line("document", name)?["isWhole"]?.bool == true)
        #expect(line("document", whole)?["isWhole"]?.bool == false)
        #expect(line("ref", name)?["content"]?["ref"]?.string == "a")
        #expect(line("ref", "bad")?["content"] == .null)
        #expect(line("fix", "m")?["synced"]?.bool == false)
        let files = try #require(line("ingest", "u")?["files"]?.elements)
        #expect(files.map { $0["name"]?.string } == ["fs", "x.part"])
        #expect(files.last?["size"]?.integer == 5)
        #expect(line("trash", "t") != nil && line("unknown", "other") != nil)
        #expect(lines.last?["kind"]?.string == "end")
        #expect(lines.last?["lines"]?.integer == Int64(lines.count - 1))
        #expect(lines.count == 14)
    }

    @Test("a directory of images that is not there is refused")
    func missing() throws {
        let run = try scratch.run(LayerCommand.list(images: scratch("nowhere")).arguments())
        #expect(run.code == 1 && run.refusal?.errno == "ENOENT", "\(run.text)")
    }
}
