// The tree that a layer is unpacked into. Nothing outside of it can be reached, whatever the layer
// contains: each parent is opened as if the tree were the root directory, and each entry is made by
// its parent's descriptor, with calls that follow no link.

import Archive
import Glibc
import Kernel
import LayerProtocol
import Linux

final class LayerTree {
    let root: OwnedDescriptor
    let times: DirectoryTimes
    private let maxEntries: Int64
    /// The parent of the last entry: entries of one directory follow each other.
    private var lastParent: OpenDirectory?
    /// Whether a directory has a default ACL, which each later entry in it would inherit (acl(5)).
    var hasDefaultACL = false

    var implied = ImpliedDirectories()
    private(set) var entries: Int64 = 0
    var disk: Int64 = 0
    var droppedAttributes: Int64 = 0
    var (rootIsExplicit, rootIsOpaque) = (false, false)

    /// A directory, by the path that an entry gave it.
    final class OpenDirectory {
        let path: [UInt8]
        let descriptor: OwnedDescriptor

        init(_ path: [UInt8], _ descriptor: consuming OwnedDescriptor) {
            self.path = path
            self.descriptor = descriptor
        }
    }

    /// `root` is an empty directory.
    init(
        _ root: consuming OwnedDescriptor, times: consuming OwnedDescriptor, maxEntries: Int64
    ) throws(SystemCallFailure) {
        self.root = root
        self.times = DirectoryTimes(times)
        self.maxEntries = maxEntries
        let open = try self.root.opening(entry: [46, 0], O_RDONLY | O_DIRECTORY)
        // A default ACL of the directory around the tree would be on every entry.
        for acl in [defaultACL, accessACL] { try open.removeAttribute(acl.terminated) }
        try open.setOwner(0, 0)
        try open.setMode(0o755)
        let inode = try open.status().identity.inode
        try self.times.add(.init(path: [], inode: inode, seconds: 0, nanoseconds: 0))
    }

    func count() throws(TreeFailure) {
        entries += 1
        guard entries <= maxEntries else { throw .tooLarge("more than \(maxEntries) entries") }
    }

    /// The directory of an entry. A missing directory is made, and noted as implied.
    func parent(_ path: [UInt8]) throws(TreeFailure) -> OpenDirectory {
        if let lastParent, lastParent.path == path { return lastParent }
        lastParent = nil
        if let found = try directory(path) {
            lastParent = found
            return found
        }
        try imply(path)
        guard let made = try directory(path) else {
            throw .refused("its directory cannot be made")
        }
        lastParent = made
        return made
    }

    /// Opens a directory of the layer, also through the layer's links; `nil` if there is none.
    private func directory(_ path: [UInt8]) throws(TreeFailure) -> OpenDirectory? {
        do {
            return OpenDirectory(
                path, try root.opening(inRoot: path.terminated, baseOfNames))
        } catch {
            guard [ENOENT, ENOTDIR].contains(error.errno) else { throw .call(error) }
            return nil
        }
    }

    /// Makes the missing directories of a path.
    private func imply(_ path: [UInt8]) throws(TreeFailure) {
        for end in path.indices.map({ $0 + 1 }) where end == path.count || path[end] == slash {
            let part = try EntryPath(Array(path[..<end]))
            guard try directory(part.bytes) == nil else { continue }
            guard let above = try directory(part.parent) else {
                throw .refused("a directory of its path vanished")
            }
            try makeImplied(part, in: above)
        }
    }

    private func makeImplied(
        _ path: EntryPath, in above: OpenDirectory
    ) throws(TreeFailure) {
        try count()
        let name = path.name.terminated
        let found = try calling(try above.descriptor.entryStatus(name))
        if let found, !found.isWhiteout {
            throw .refused(
                found.kind == .link
                    ? "a directory of its path is a link to nothing"
                    : "a directory of its path is a file")
        }
        if found != nil { try clear(name, in: above) }
        try calling(try above.descriptor.makeDirectory(name, mode: 0o755))
        let made = try calling(
            try above.descriptor.opening(entry: name, O_RDONLY | O_DIRECTORY))
        if hasDefaultACL { try removeACLs(of: made, isDirectory: true) }
        try calling(try made.setOwner(0, 0))
        try calling(try made.setMode(0o755))
        let inode = try calling(try made.status()).identity.inode
        let real = try calling(try realPath(path.bytes, made))
        try calling(
            try times.add(.init(path: real, inode: inode, seconds: 0, nanoseconds: 0)))
        // The layers below do not show through a directory that replaces a whiteout.
        if found == nil {
            try implied.add(real, inode: inode)
        } else {
            try hideBelow(made)
        }
    }

    /// The path of a directory without links.
    private func realPath(
        _ path: [UInt8], _ directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [UInt8] {
        do {
            _ = try root.opening(beneath: path.terminated, baseOfNames)
            return path
        } catch { guard error.errno == ELOOP else { throw error } }
        // The root's own path is `/` in a confined process.
        let own = try Confinement.path(of: root)
        let whole = try Confinement.path(of: directory)
        return Array(whole[min(own.count, whole.count)...].drop { $0 == slash })
    }

    /// Removes the entry of this name, whatever it is: the last entry of a name wins.
    func clear(_ name: [CChar], in directory: OpenDirectory) throws(TreeFailure) {
        // It may be the known parent, or a link on the way to it.
        lastParent = nil
        try calling(try Tree.remove(entry: name, in: directory.descriptor, subject: ""))
    }

    /// Marks a directory as hiding the directory below it.
    func hideBelow(_ directory: borrowing OwnedDescriptor) throws(TreeFailure) {
        try calling(
            try directory.setAttribute(opaqueMark.terminated, [UInt8(ascii: "y")]))
    }

    /// Removes what the entry has inherited from the default ACL of its directory.
    func removeACLs(
        of file: borrowing OwnedDescriptor, isDirectory: Bool
    ) throws(TreeFailure) {
        try calling(try file.removeAttribute(accessACL.terminated))
        if isDirectory { try calling(try file.removeAttribute(defaultACL.terminated)) }
    }
}

/// O_PATH and O_DIRECTORY: the directory can only be used as the base of names. Glibc's module
/// lacks O_PATH.
let baseOfNames: CInt = 0o10000000 | O_DIRECTORY
