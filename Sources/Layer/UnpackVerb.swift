// `staunch-layer unpack`: one blob becomes one tree.
//
// The blob is read twice. The first time it is only hashed: no parser sees a byte of a blob that is
// not the expected one, because bytes are believed by digest alone. The second time it is inflated,
// parsed and hashed again, together with its tar.

import Archive
import Bytes
import Glibc
import Images
import JSON
import Kernel
import LayerProtocol
import Linux

struct UnpackVerb {
    let request: LayerCommand.Unpacking
    let progress: ProgressFile
    let lock: CInt?

    /// What the program works with; all of it is open before the first byte of the blob is read.
    private struct Places: ~Copyable {
        let blob: OwnedDescriptor
        let length: Int64
        let tree: OwnedDescriptor
        let description: OwnedDescriptor
        let times: OwnedDescriptor

        var numbers: [CInt] { [blob.number, description.number, times.number] }
    }

    /// Unpacks the blob. Whatever an earlier run has left in the ingest is removed first.
    func run() throws(LayerRefusal) -> LayerDescription {
        let places: Places
        do { places = try open() } catch { throw LayerRefusal(error) }
        let kept = places.numbers + [progress.number, lock].compactMap { $0 }
        let root = try UnpackConfinement.enter(places.tree, keeping: kept)
        return try unpack(
            Blob(places.blob, start: request.offset, length: places.length), root: root,
            times: places.times, description: places.description)
    }

    private func open() throws(SystemCallFailure) -> Places {
        let ingest = try OwnedDescriptor.opening(
            request.ingest, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let blob =
            if let file = request.file {
                try ingest.opening(
                    entry: Array(file.utf8).terminated, O_RDONLY | O_NONBLOCK)
            } else { OwnedDescriptor(adopting: 0) }
        let status = try blob.status()
        let length = request.length ?? Int64(status.size) - request.offset
        guard status.kind == .file, length >= 0 else {
            throw SystemCallFailure(call: "open", subject: "the blob", errno: ESPIPE)
        }
        let names = [ImagesDirectory.tree, ImagesDirectory.description].map { Array($0.utf8) }
        for name in names {
            try Tree.remove(entry: name.terminated, in: ingest, subject: request.ingest)
        }
        try ingest.makeDirectory(names[0].terminated, mode: 0o700)
        // O_TMPFILE, which Glibc's module lacks: a file without a name goes with the process.
        let unnamed = O_DIRECTORY | 0o20000000
        return Places(
            blob: blob, length: length,
            tree: try ingest.opening(entry: names[0].terminated, baseOfNames),
            description: try ingest.makeFile(names[1].terminated, mode: 0o600),
            times: try ingest.opening(entry: [46, 0], O_RDWR | unnamed, mode: 0o600))
    }

    private func unpack(
        _ blob: Blob, root: consuming OwnedDescriptor, times: consuming OwnedDescriptor,
        description file: borrowing OwnedDescriptor
    ) throws(LayerRefusal) -> LayerDescription {
        let seen: Digest
        do { seen = try blob.digest { progress.report(LayerProgress()) } } catch {
            throw LayerRefusal(.archive(error), entry: [])
        }
        try expect(seen, request.blob, "the blob")
        let tree: LayerTree
        do {
            tree = try LayerTree(root, times: times, maxEntries: request.maxEntries)
        } catch { throw LayerRefusal(error) }
        var description = LayerDescription(
            diffID: request.diffID, blob: request.blob, mediaType: request.mediaType)
        description.tarSize = try fill(tree, from: blob)
        do {
            try tree.finish(&description)
            var json = JSONWriter()
            description.write(to: &json)
            try file.writeAll(json.finish().bytes)
        } catch { throw LayerRefusal(error) }
        progress.report(
            isLast: true,
            LayerProgress(
                blobBytes: blob.length, tarBytes: description.tarSize,
                entries: description.entries))
        return description
    }

    /// Makes the entries of the blob's tar. Returns the tar's length, once both digests fit.
    private func fill(_ tree: LayerTree, from blob: Blob) throws(LayerRefusal) -> Int64 {
        var entry: [UInt8] = []
        do throws(TreeFailure) {
            var tarBytes: Int64 = 0
            let inflater = try reading(
                try Inflater(blob, limit: request.maxBytes) { size in
                    tarBytes += size
                    progress.report(
                        LayerProgress(
                            blobBytes: blob.count, tarBytes: tarBytes, entries: tree.entries))
                })
            let reader = try reading(try TarReader(inflater))
            while let next = try reading(try reader.next()) {
                entry = next.path
                try tree.take(next, reader)
                entry = []
            }
            let diffID = try reading(try inflater.finish())
            let seen = try reading(try blob.finish())
            do throws(LayerRefusal) {
                try expect(seen, request.blob, "the blob")
                try expect(diffID, request.diffID, "the tar")
            } catch { throw .mismatch(error) }
            return inflater.count
        } catch { throw LayerRefusal(error, entry: entry) }
    }

    private func expect(
        _ found: Digest, _ expected: Digest, _ subject: String
    ) throws(LayerRefusal) {
        guard found != expected else { return }
        throw LayerRefusal(.digestMismatch, "\(subject) is \(found), and not \(expected)")
    }
}
