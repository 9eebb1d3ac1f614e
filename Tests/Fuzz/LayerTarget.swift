// The unpacker: whatever a layer contains, its tree stays inside of its directory, has no mark of
// an overlay but ours, and can be removed.
//
// The process is not confined, because libFuzzer writes its files: the tree alone keeps a layer
// inside. It makes its trees in memory.

import Glibc
import Images
import Kernel
import LayerProtocol
import Linux

@testable import Archive
@testable import Layer

/// A tar of the entries that the bytes choose, so that most of them are well-formed.
@Sendable func fuzzLayer(_ bytes: [UInt8]) {
    var tar: [UInt8] = []
    var rest = bytes[...]
    while let choice = rest.popFirst() { tar += entry(choice, &rest) }
    unpack(tar)
}

/// The bytes as a blob. A block that looks like a header gets its checksum.
@Sendable func fuzzLayerBytes(_ bytes: [UInt8]) {
    var bytes = bytes
    for start in stride(from: 0, to: max(0, bytes.count - 511), by: 512)
    where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
        TarHeader.setChecksum(&bytes, at: start)
    }
    unpack(bytes)
}

private func entry(_ choice: UInt8, _ rest: inout ArraySlice<UInt8>) -> [UInt8] {
    let type = Array("0522134670x".utf8)[Int(choice % 11)]
    let name = path(&rest)
    let data = Array("data".utf8).prefix(type == UInt8(ascii: "0") ? Int(choice / 11 % 5) : 0)
    if type == UInt8(ascii: "x") {
        let attributes = ["user.a", "user.overlay.opaque", "trusted.overlay.opaque", "path"]
        let key = attributes[Int(choice / 11 % 4)]
        let value = key == "path" ? name : [UInt8(ascii: "y")]
        return header("x", Array("pax".utf8), record(key, value))
    }
    return header(Unicode.Scalar(type), name, Array(data), &rest)
}

/// Up to four components that try something.
private func path(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
    let names = [
        "a", "b", "c", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh..wh.x", ".wh.",
        "\u{e9}", "fuzz-outside", "tmp", String(repeating: "n", count: 60), "\n",
    ]
    let count = Int((rest.popFirst() ?? 0) % 4) + 1
    let chosen = (0..<count).map { _ in names[Int((rest.popFirst() ?? 0) % 16)] }
    return Array(chosen.joined(separator: "/").utf8.prefix(99))
}

private func header(
    _ type: Unicode.Scalar, _ name: [UInt8], _ data: [UInt8], _ rest: inout ArraySlice<UInt8>
) -> [UInt8] {
    let isLink = "12".unicodeScalars.contains(type)
    let target = isLink ? path(&rest) : []
    let mode = rest.popFirst().map { String(Int($0) << 4, radix: 8) } ?? "644"
    return header(type, name, data, target: target, mode: mode)
}

private func header(
    _ type: Unicode.Scalar, _ name: [UInt8], _ data: [UInt8], target: [UInt8] = [],
    mode: String = "644"
) -> [UInt8] {
    let fields: [(Int, [UInt8])] = [
        (0, name), (100, Array(mode.utf8)), (108, [48]), (116, [48]),
        (124, Array(String(data.count, radix: 8).utf8)), (136, [48]), (156, [UInt8(ascii: type)]),
        (157, target), (329, [48]), (337, [48]),
    ]
    let padding = [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    return TarHeader.block(fields) + data + padding
}

private func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(key)=".utf8) + value + [10]
    let length = rest.count + (rest.count < 9 ? 1 : rest.count < 98 ? 2 : 3)
    return Array("\(length)".utf8) + rest
}

/// The place of the trees, and a neighbour that must not change.
private enum Place {
    /// Below a directory that scripts/fuzz removes.
    static let path =
        (Environment.value(of: "STAUNCH_FUZZ_SCRATCH") ?? "/dev/shm/staunch-fuzz") + "/\(getpid())"
    static let home = OwnProcess.currentDirectory ?? "/"
    static let outside = path + "/fuzz-outside"

    static let isMade: Bool = {
        _ = home
        Charset.load()
        do {
            try Files.makeDirectories(outside)
            try Files.replace(outside + "/a", [])
            return true
        } catch { fatalError("\(error)") }
    }()
}

private func unpack(_ blob: [UInt8]) {
    must(Place.isMade, "no place")
    // The tree may change it, and libFuzzer's paths are relative to it.
    defer { must(Files.enter(Place.home), "no way back") }
    do throws(SystemCallFailure) {
        try Files.makeDirectory(Place.path + "/tree")
        let before = try outside()
        let root = try OwnedDescriptor.directory(Place.path + "/tree")
        let failure = fill(blob, root)
        must(try outside() == before, "it touched what is outside")
        if let failure {
            let refusal = LayerRefusal(failure, entry: blob)
            must(!refusal.detail.isEmpty, "a refusal without a word")
            must(LayerResult(LayerResult.refused(refusal).line) != nil, "a result that is no line")
        }
        try check(root, depth: 0)
        try Tree.remove("tree", in: Place.path)
        must(try !Files.exists(Place.path + "/tree"), "it cannot be removed")
    } catch { fatalError("\(error)") }
}

private func fill(_ blob: [UInt8], _ root: borrowing OwnedDescriptor) -> TreeFailure? {
    do throws(TreeFailure) {
        let source = Blob(
            try calling(try OwnedDescriptor.memory(blob)), start: 0, length: Int64(blob.count))
        let inflater = try reading(try Inflater(source, limit: 1 << 20))
        let reader = try reading(try TarReader(inflater))
        let tree = try calling(
            try LayerTree(
                OwnedDescriptor.duplicating(root.number), times: OwnedDescriptor.memory([]),
                maxEntries: 500))
        while let next = try reading(try reader.next()) { try tree.take(next, reader) }
        _ = try reading(try inflater.finish())
        guard let digest = Digest(bytes: [UInt8](repeating: 0, count: 32)) else { return nil }
        var description = LayerDescription(diffID: digest, blob: digest, mediaType: "")
        try calling(try tree.finish(&description))
        for path in description.implied {
            _ = try calling(try root.opening(beneath: path.terminated, O_DIRECTORY))
        }
        return nil
    } catch { return error }
}

/// Everything about the neighbour that an access by mistake would change.
private func outside() throws(SystemCallFailure) -> [String] {
    var found: [String] = []
    for name in try Files.names(in: Place.path).sorted() + ["fuzz-outside/a"] {
        guard name != "tree", let status = try Files.status("\(Place.path)/\(name)") else {
            continue
        }
        found.append("\(name) \(status)")
    }
    return found
}

private func check(
    _ directory: borrowing OwnedDescriptor, depth: Int
) throws(SystemCallFailure) {
    let open = try directory.opening(entry: [46, 0], O_RDONLY | O_DIRECTORY)
    for name in try open.attributeNames() {
        let isOverlays =
            name.starts(with: "trusted.".utf8) || name.starts(with: "user.overlay.".utf8)
        must(!isOverlays || name == opaqueMark, "an overlay's attribute")
    }
    for entry in try open.entries(subject: "the tree") where entry.mayBeDirectory {
        try check(try open.opening(entry: entry.name, O_RDONLY | O_DIRECTORY), depth: depth + 1)
    }
}
