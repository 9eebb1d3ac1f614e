// `staunch-layer list`: what is in the images' directory, as JSON lines, for the first look after a
// reboot.
//
// Each line has a `kind`. The last line is `{"kind":"end",…}`: without it the list is not whole. A
// line claims nothing that was not looked at: a layer without a readable layer.json has a `fault`.

import Archive
import Bytes
import Glibc
import Hashing
import Images
import JSON
import Kernel
import LayerProtocol
import Linux

final class ListVerb {
    private let images: String
    private var lines: Int64 = 0
    private var output: [UInt8] = []

    /// layer.json with the longest list of implied directories.
    private static let descriptionLimit = 32 << 20

    init(images: String) { self.images = images }

    func run() throws(LayerRefusal) -> CInt {
        do {
            try Confinement.keep([])
            let root = try OwnedDescriptor.opening(images, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            for entry in try sorted(root) {
                guard let kind = ImagesDirectory(rawValue: text(entry)),
                    let folder = try directory(entry, in: root)
                else {
                    try line("unknown", entry) { _ in }
                    continue
                }
                for name in try sorted(folder) { try list(kind, name, in: folder) }
            }
            let count = lines
            try line("end", nil) { $0.member("lines", count) }
            try flush()
        } catch { throw LayerRefusal(error) }
        return 0
    }

    private func list(
        _ kind: ImagesDirectory, _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        switch kind {
        case .layers:
            let (description, fault) = try layer(name, in: folder)
            let isSynced = try isSynced(name, in: folder)
            try line("layer", name) { json in
                json.member("synced", isSynced)
                json.key("description")
                if let description { json.raw(description) } else { json.null() }
                json.member("fault", fault)
            }
        case .fix:
            let isSynced = try isSynced(name, in: folder)
            try line("fix", name) { $0.member("synced", isSynced) }
        case .documents: try document(name, in: folder)
        case .refs: try reference(name, in: folder)
        case .ingest: try ingest(name, in: folder)
        case .trash: try line("trash", name) { _ in }
        }
    }

    /// The text of layer.json, if it is about the layer of this name, or else a fault.
    private func layer(
        _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> ([UInt8]?, fault: String?) {
        guard let digest = Digest(hex: String(decoding: name, as: UTF8.self)) else {
            return (nil, "the name is no digest")
        }
        guard let layer = try directory(name, in: folder) else { return (nil, "no directory") }
        guard try layer.entryStatus(terminated(ImagesDirectory.tree))?.kind == .directory else {
            return (nil, "there is no tree")
        }
        let file = Array(ImagesDirectory.description.utf8)
        guard let text = try content(file, in: layer, ListVerb.descriptionLimit) else {
            return (nil, "there is no \(ImagesDirectory.description)")
        }
        do throws(JSONFault) {
            let json = try JSONValue.parse(text)
            guard let found = LayerDescription(json), found.diffID == digest else {
                return (nil, "\(ImagesDirectory.description) is not about this layer")
            }
            return (text, nil)
        } catch { return (nil, "\(ImagesDirectory.description): \(error.detail)") }
    }

    private func isSynced(
        _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> Bool {
        guard let found = try directory(name, in: folder) else { return false }
        return try found.entryStatus(terminated(ImagesDirectory.syncMark))?.kind == .file
    }

    /// `isWhole`: the content has the digest of the name.
    private func document(
        _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let content = try content(name, in: folder, ImagesDirectory.documentLimit)
        let digest = content.map { SHA256.digest(of: $0) }
        let isWhole = digest?.hex.utf8.elementsEqual(name) == true
        try line("document", name) { json in
            json.member("size", content?.count ?? 0)
            json.member("isWhole", isWhole)
        }
    }

    private func reference(
        _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let text = try content(name, in: folder, ImagesDirectory.documentLimit) ?? []
        let (found, fault) = parsed(text)
        try line("ref", name) { json in
            json.key("content")
            if let found { json.raw(found) } else { json.null() }
            json.member("fault", fault)
        }
    }

    private func parsed(_ text: [UInt8]) -> ([UInt8]?, fault: String?) {
        do { return (try JSONValue.parse(text).bytes, nil) } catch { return (nil, error.detail) }
    }

    private func ingest(
        _ name: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        guard let directory = try directory(name, in: folder) else {
            return try line("unknown", Array("ingest/".utf8) + name) { _ in }
        }
        var files: [(name: [UInt8], status: FileStatus)] = []
        for file in try sorted(directory) {
            guard let status = try directory.entryStatus(file.terminated) else { continue }
            files.append((file, status))
        }
        let found = files
        try line("ingest", name) { json in
            json.list("files", found) { json, file in
                json.beginObject()
                json.member("name", EscapedName(file.name).description)
                json.member("kind", file.status.kind.rawValue)
                json.member("size", file.status.size)
                json.endObject()
            }
        }
    }
}

extension ListVerb {
    private func line(
        _ kind: StaticString, _ name: [UInt8]?, _ members: (inout JSONWriter) -> Void
    ) throws(SystemCallFailure) {
        var json = JSONWriter()
        json.beginObject()
        json.member("kind", kind.description)
        if let name { json.member("name", EscapedName(name).description) }
        members(&json)
        json.endObject()
        output += json.finish().bytes + [UInt8(ascii: "\n")]
        lines += 1
        if output.count > 1 << 16 { try flush() }
    }

    private func flush() throws(SystemCallFailure) {
        try writeOutput(output)
        output.removeAll(keepingCapacity: true)
    }

    private func text(_ name: [UInt8]) -> String { String(decoding: name, as: UTF8.self) }

    private func terminated(_ name: String) -> [CChar] { Array(name.utf8).terminated }

    private func sorted(
        _ directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [[UInt8]] {
        try directory.entries(subject: images).map(\.bytes)
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// `nil` if it is no directory.
    private func directory(
        _ name: [UInt8], in parent: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        do { return try parent.opening(entry: name.terminated, O_RDONLY | O_DIRECTORY) } catch {
            guard [ENOENT, ENOTDIR, ELOOP].contains(error.errno) else { throw error }
            return nil
        }
    }

    /// The content of a regular file; `nil` if there is none, or if it is longer than `limit`.
    private func content(
        _ name: [UInt8], in parent: borrowing OwnedDescriptor, _ limit: Int
    ) throws(SystemCallFailure) -> [UInt8]? {
        let status = try parent.entryStatus(name.terminated)
        guard let status, status.kind == .file, status.size <= limit else { return nil }
        return try parent.opening(entry: name.terminated, O_RDONLY | O_NONBLOCK)
            .readAll(limit: limit)
    }
}
