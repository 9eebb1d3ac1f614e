// `staunch-layer sync`: what is whole now survives a loss of power, and its mark says so.
//
// The next boot trusts only what is marked. So a mark is made after the sync, and by the descriptor
// of the directory that was there before it: a layer of the same name that was unpacked meanwhile
// is another directory.

import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux

struct SyncVerb {
    let images: String

    /// Each unmarked directory costs a descriptor until its mark is made.
    private static let batch = 512

    func run() throws(LayerRefusal) -> JSONWriter {
        var marked: [ImagesDirectory: [String]] = [:]
        do {
            try Confinement.keep([])
            let root = try OwnedDescriptor.opening(images, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            for kind in [ImagesDirectory.layers, .fix] {
                marked[kind] = try mark(kind, in: root)
            }
        } catch { throw LayerRefusal(error) }
        var json = JSONWriter()
        json.beginObject()
        json.member("state", "done")
        json.member("layers", marked[.layers] ?? [])
        json.member("fix", marked[.fix] ?? [])
        json.endObject()
        return json
    }

    /// Returns the names of the directories that are marked now, and were not.
    private func mark(
        _ kind: ImagesDirectory, in root: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [String] {
        let folder: OwnedDescriptor
        do {
            folder = try root.opening(
                entry: Array(kind.rawValue.utf8).terminated, O_RDONLY | O_DIRECTORY)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return []
        }
        var names = try folder.entries(subject: kind.rawValue).map(\.name)[...]
        var marked: [String] = []
        while !names.isEmpty {
            let unmarked = try unmarked(&names, in: folder)
            guard !unmarked.isEmpty else { continue }
            try root.syncFileSystem()
            for one in unmarked {
                _ = try one.descriptor.opening(
                    entry: SyncVerb.mark, O_WRONLY | O_CREAT, mode: 0o600)
                marked.append(EscapedName(one.path).description)
            }
        }
        return marked
    }

    private static let mark = Array(ImagesDirectory.syncMark.utf8).terminated

    /// Opens the next directories without a mark. An entry that is no directory, or has no tree, is
    /// passed over: it is not the daemon's work.
    private func unmarked(
        _ names: inout ArraySlice<[CChar]>, in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [LayerTree.OpenDirectory] {
        var found: [LayerTree.OpenDirectory] = []
        let tree = Array(ImagesDirectory.tree.utf8).terminated
        while found.count < SyncVerb.batch, let name = names.popFirst() {
            guard try folder.entryStatus(name)?.kind == .directory else { continue }
            let one: OwnedDescriptor
            do { one = try folder.opening(entry: name, O_RDONLY | O_DIRECTORY) } catch {
                // It was renamed into the trash meanwhile.
                guard error.errno == ENOENT else { throw error }
                continue
            }
            let isWhole = try one.entryStatus(tree)?.kind == .directory
            guard isWhole, try one.entryStatus(SyncVerb.mark) == nil else { continue }
            let bytes = name.dropLast().map { UInt8(bitPattern: $0) }
            found.append(LayerTree.OpenDirectory(bytes, one))
        }
        return found
    }
}
