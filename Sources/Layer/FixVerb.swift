// `staunch-layer fix`: the directories of an image that would show the wrong mode and owner.
//
// A layer that has `a/b` but no entry for `a` has an implied directory `a`, which belongs to root.
// It would hide the mode and owner of `a` in the layers below. The fix layer is mounted above all
// others. It has only such directories, each with the attributes of the nearest layer that has an
// entry for it, and the directories on the way to them.

import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux

struct FixVerb {
    let output: String
    /// Directories with `fs` and `layer.json`, the top layer first.
    let layers: [String]

    func run() throws(LayerRefusal) -> JSONWriter {
        var made = 0
        do {
            try Confinement.keep([.changeOwner, .overrideAccess, .actAsOwner, .keepSetID])
            var stack = LayerStack()
            for path in layers { try stack.append(path) }
            let wanted = try wantedDirectories(stack)
            let folder = try OwnedDescriptor.opening(
                output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            let tree = Array(ImagesDirectory.tree.utf8).terminated
            try Tree.remove(entry: tree, in: folder, subject: output)
            if !wanted.isEmpty {
                try folder.makeDirectory(tree, mode: 0o755)
                let root = try folder.opening(entry: tree, O_RDONLY | O_DIRECTORY)
                made = try make(wanted, below: root, stack)
            }
        } catch { throw LayerRefusal(error) }
        var json = JSONWriter()
        json.beginObject()
        json.member("state", "done")
        json.member("directories", made)
        json.endObject()
        return json
    }

    /// The implied directories that show, and whose attributes differ from those below.
    private func wantedDirectories(
        _ stack: LayerStack
    ) throws(SystemCallFailure) -> [[UInt8]] {
        var wanted: [[UInt8]] = []
        for path in stack.impliedPaths {
            guard let view = try stack.view(path), let twin = view.twin else { continue }
            let (shown, meant) = (view.top.status, twin.status)
            let isSame =
                shown.mode == meant.mode && shown.owner == meant.owner
                && shown.group == meant.group
            if !isSame { wanted.append(path) }
        }
        return wanted
    }

    /// Makes the directories and those on the way, outer before inner. Returns their number.
    private func make(
        _ wanted: [[UInt8]], below root: borrowing OwnedDescriptor, _ stack: LayerStack
    ) throws(SystemCallFailure) -> Int {
        var paths: Set<[UInt8]> = [[]]
        for path in wanted {
            for end in path.indices where path[end] == slash { paths.insert(Array(path[..<end])) }
            paths.insert(path)
        }
        let ordered = paths.sorted { $0.count < $1.count }
        for path in ordered where !path.isEmpty {
            try root.makeDirectory(beneath: path)
        }
        // The times last, and inner before outer.
        for path in ordered.reversed() {
            guard let view = try stack.view(path) else { continue }
            let made = try root.opening(beneath: path.terminated, O_RDONLY | O_DIRECTORY)
            try stack.copyAttributes(of: view.twin ?? view.top, to: made)
        }
        return ordered.count
    }
}

extension OwnedDescriptor {
    /// Makes a directory whose parent exists.
    fileprivate borrowing func makeDirectory(
        beneath path: [UInt8]
    ) throws(SystemCallFailure) {
        let base = path.lastIndex(of: slash)
        let parent = Array(path[..<(base ?? 0)]).terminated
        let name = Array(path[(base.map { $0 + 1 } ?? 0)...]).terminated
        try opening(beneath: parent, O_RDONLY | O_DIRECTORY).makeDirectory(name, mode: 0o700)
    }
}
