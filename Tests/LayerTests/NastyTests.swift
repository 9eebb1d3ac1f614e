// Each nasty layer has its outcome, and nothing outside of its tree is touched: by the program with
// all of its confinement, and by the tree alone.

import Glibc
import Kernel
import LayerProtocol
import Linux
import Testing

@testable import Archive
@testable import Layer

@Suite struct NastyTests {
    static let all =
        NastyLayer.paths + NastyLayer.hardLinks + NastyLayer.kinds + NastyLayer.duplicates
        + NastyLayer.whiteouts + NastyLayer.attributes + NastyLayer.names + NastyLayer.headers
        + NastyLayer.streams

    @Test("the program does the right thing with a nasty layer", arguments: all)
    func program(_ layer: NastyLayer) throws {
        let scratch = try Scratch()
        let (blob, tar) = try layer.make(scratch.outside)
        let request = try scratch.unpacking(blob, tar: tar)
        let before = try scratch.surroundings()
        try #require(before.contains { $0.contains(" outside/canary ") })
        let run = try scratch.run(LayerCommand.unpack(request).arguments())
        #expect(try scratch.surroundings() == before)
        switch layer.outcome {
        case .tree: #expect(run.code == 0 && run.description != nil, "\(run.text)\(run.errors)")
        case .refused: #expect(run.code == 1, "\(run.text)\(run.errors)")
        }
        try check(layer, run.refusal, scratch)
    }

    @Test("the tree alone keeps a nasty layer inside", arguments: all)
    func tree(_ layer: NastyLayer) throws {
        let scratch = try Scratch()
        let (blob, tar) = try layer.make(scratch.outside)
        _ = try scratch.unpacking(blob, tar: tar)
        try Files.makeDirectory(scratch.tree)
        let before = try scratch.surroundings()
        let refusal = unpackWithoutConfinement(blob.count, in: scratch)
        #expect(try scratch.surroundings() == before)
        try check(layer, refusal, scratch)
    }

    private func check(
        _ layer: NastyLayer, _ refusal: LayerRefusal?, _ scratch: Scratch
    ) throws {
        switch layer.outcome {
        case .tree(let lines):
            #expect(refusal == nil)
            let wanted = lines.map { $0.replacing("OUTSIDE", with: scratch.outside) }
            #expect(try listing(scratch.tree).dropFirst() == wanted[...])
        case .refused(let code, let entry, let detail):
            #expect(refusal?.code == code, "\(String(describing: refusal))")
            #expect(refusal?.entry == entry, "\(String(describing: refusal))")
            #expect(refusal?.detail.contains(detail) == true, "\(String(describing: refusal))")
        }
    }

    /// Unpacks the ingest's blob in this process, which may do anything.
    private func unpackWithoutConfinement(_ size: Int, in scratch: Scratch) -> LayerRefusal? {
        var entry: [UInt8] = []
        // The tree may have changed it, and it is the whole process's.
        defer { _ = Files.enter("/") }
        do throws(TreeFailure) {
            let file = try calling(
                try OwnedDescriptor.opening(scratch.own + "/blob.part", O_RDONLY))
            let blob = Blob(file, start: 0, length: Int64(size))
            let inflater = try reading(try Inflater(blob, limit: 1 << 30))
            let reader = try reading(try TarReader(inflater))
            let tree = try calling(
                try LayerTree(
                    OwnedDescriptor.directory(scratch.tree), times: OwnedDescriptor.memory([]),
                    maxEntries: 10_000))
            while let next = try reading(try reader.next()) {
                entry = next.path
                try tree.take(next, reader)
                entry = []
            }
            _ = try reading(try inflater.finish())
            return nil
        } catch { return LayerRefusal(error, entry: entry) }
    }
}
