// Layers above each other, and what an overlay of them shows of a directory
// (https://docs.kernel.org/filesystems/overlayfs.html).

import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux

struct LayerStack {
    private final class Layer {
        let root: OwnedDescriptor
        let implied: Set<[UInt8]>
        let rootIsOpaque: Bool

        init(_ root: consuming OwnedDescriptor, _ description: LayerDescription) {
            self.root = root
            rootIsOpaque = description.rootIsOpaque
            implied = Set(description.implied + (description.rootIsExplicit ? [] : [[]]))
        }
    }

    /// The top layer first.
    private var layers: [Layer] = []

    /// Adds the layer of this directory, below the layers that are there.
    mutating func append(_ directory: String) throws(SystemCallFailure) {
        let folder = try OwnedDescriptor.opening(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let root = try folder.opening(
            entry: Array(ImagesDirectory.tree.utf8).terminated, baseOfNames)
        let text = try folder.opening(
            entry: Array(ImagesDirectory.description.utf8).terminated, O_RDONLY
        ).readAll(limit: 32 << 20)
        guard let description = description(text) else {
            throw SystemCallFailure(
                call: "read", subject: "\(directory)/\(ImagesDirectory.description)", errno: EIO)
        }
        layers.append(Layer(root, description))
    }

    private func description(_ text: [UInt8]) -> LayerDescription? {
        do { return LayerDescription(try JSONValue.parse(text)) } catch { return nil }
    }

    /// The implied directories of all layers, sorted by their bytes.
    var impliedPaths: [[UInt8]] {
        layers.reduce(into: Set()) { $0.formUnion($1.implied) }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// A directory in one of the layers.
    struct Directory {
        let status: FileStatus
        let path: [UInt8]
        fileprivate let layer: Int
    }

    /// The directory that an overlay shows, and the nearest one from there down that has an entry.
    struct View {
        let top: Directory
        let twin: Directory?
    }

    /// `nil` if the overlay shows no directory there.
    func view(_ path: [UInt8]) throws(SystemCallFailure) -> View? {
        var top: Directory?
        for index in layers.indices {
            let (found, hidesBelow) = try look(path, in: layers[index])
            if let status = found {
                let directory = Directory(status: status, path: path, layer: index)
                let shown = top ?? directory
                if !layers[index].implied.contains(path) {
                    return View(top: shown, twin: directory)
                }
                top = shown
            }
            if hidesBelow { break }
        }
        return top.map { View(top: $0, twin: nil) }
    }

    /// The directory in one layer, and whether the layer hides what is below it there. The mark of
    /// the directory itself hides its content below, but not what it looks like.
    private func look(
        _ path: [UInt8], in layer: Layer
    ) throws(SystemCallFailure) -> (FileStatus?, hidesBelow: Bool) {
        var hides = layer.rootIsOpaque
        var here = try layer.root.opening(entry: [46, 0], O_RDONLY | O_DIRECTORY)
        for name in path.split(separator: slash) {
            if try here.attribute(opaqueMark.terminated) != nil { hides = true }
            let name = Array(name).terminated
            guard let found = try here.entryStatus(name) else { return (nil, hides) }
            guard found.kind == .directory else { return (nil, true) }
            here = try here.opening(entry: name, O_RDONLY | O_DIRECTORY)
        }
        return (try here.status(), hides)
    }

    /// Gives a directory the owner, mode, attributes and time of a layer's.
    func copyAttributes(
        of source: Directory, to made: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let from = try layers[source.layer].root.opening(
            beneath: source.path.terminated, O_RDONLY | O_DIRECTORY)
        try made.setOwner(source.status.owner, source.status.group)
        try made.setMode(source.status.mode)
        for name in try from.attributeNames() where isKeptOnDirectories(name) {
            guard let value = try from.attribute(name.terminated) else { continue }
            try made.setAttribute(name.terminated, value)
        }
        let (seconds, rest) = source.status.modified.quotientAndRemainder(
            dividingBy: 1_000_000_000)
        try made.setTimes(
            seconds: rest < 0 ? seconds - 1 : seconds,
            nanoseconds: Int(rest < 0 ? rest + 1_000_000_000 : rest))
    }
}
