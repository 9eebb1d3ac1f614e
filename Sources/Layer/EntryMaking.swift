// Makes each kind of entry. The order for one file is: data, length, owner, mode, attributes,
// times. A change of the owner clears the set-id bits, and a write clears a capability.

import Archive
import Glibc
import Kernel
import LayerProtocol
import Linux

extension LayerTree {
    /// Makes an entry. `reader` has its data.
    func take(_ entry: TarItem, _ reader: TarReader) throws(TreeFailure) {
        try count()
        let path = try EntryPath(entry.path)
        if try Whiteout.areMetadata(path.ancestors) { return }
        if path.isRoot { return try dressRoot(entry) }
        let whiteout = try Whiteout(path.name)
        if whiteout == .metadata { return }
        let directory = try parent(path.parent)
        if let whiteout { return try hide(whiteout, in: directory) }
        switch entry.kind {
        case .directory: try makeDirectory(entry, path, in: directory)
        case .file: try makeFile(entry, path, in: directory, reader)
        case .hardLink(let target): try makeHardLink(target, path, in: directory)
        case .link(let target):
            try makeOther(entry, path, in: directory) { parent, name throws(SystemCallFailure) in
                try parent.makeLink(name, to: target.terminated)
            }
        case .fifo:
            try makeOther(entry, path, in: directory) { parent, name throws(SystemCallFailure) in
                try parent.makeNode(name, mode: S_IFIFO | 0o600)
            }
        case .device(let type, let number):
            try makeOther(entry, path, in: directory) { parent, name throws(SystemCallFailure) in
                try parent.makeNode(name, mode: type | 0o600, device: number)
            }
        case .other: throw .refused("a type that no layer has")
        }
    }

    private func dressRoot(_ entry: TarItem) throws(TreeFailure) {
        guard entry.kind == .directory else {
            throw .refused("the root of the layer is no directory")
        }
        let open = try calling(try root.opening(entry: [46, 0], O_RDONLY | O_DIRECTORY))
        rootIsExplicit = true
        try dress(open, entry, isDirectory: true)
        try addTimes(of: open, entry, [], isAgain: true)
    }

    /// Runs `make`, and once more after the entry that had the name is removed.
    private func making<Made: ~Copyable>(
        _ name: [CChar], in directory: OpenDirectory,
        _ make: (borrowing OwnedDescriptor, [CChar]) throws(SystemCallFailure) -> Made
    ) throws(TreeFailure) -> Made {
        do { return try make(directory.descriptor, name) } catch {
            guard error.errno == EEXIST else { throw .call(error) }
        }
        try clear(name, in: directory)
        return try calling(try make(directory.descriptor, name))
    }

    private func makeDirectory(
        _ entry: TarItem, _ path: EntryPath, in directory: OpenDirectory
    ) throws(TreeFailure) {
        let name = path.name.terminated
        let found = try calling(try directory.descriptor.entryStatus(name))
        if found?.kind != .directory {
            if found != nil { try clear(name, in: directory) }
            try calling(try directory.descriptor.makeDirectory(name, mode: 0o700))
        }
        let open = try calling(
            try directory.descriptor.opening(entry: name, O_RDONLY | O_DIRECTORY))
        if found?.isWhiteout == true { try hideBelow(open) }
        try dress(open, entry, isDirectory: true)
        implied.remove(inode: try calling(try open.status()).identity.inode)
        try addTimes(of: open, entry, path.bytes, isAgain: found?.kind == .directory)
    }

    private func addTimes(
        of directory: borrowing OwnedDescriptor, _ entry: TarItem, _ path: [UInt8],
        isAgain: Bool
    ) throws(TreeFailure) {
        let inode = try calling(try directory.status()).identity.inode
        try calling(
            try times.add(
                .init(
                    path: path, inode: inode, seconds: entry.seconds,
                    nanoseconds: entry.nanoseconds, isAgain: isAgain)))
    }

    private func makeFile(
        _ entry: TarItem, _ path: EntryPath, in directory: OpenDirectory, _ reader: TarReader
    ) throws(TreeFailure) {
        let file = try making(path.name.terminated, in: directory) {
            parent, name throws(SystemCallFailure) in
            try parent.makeFile(name, mode: entry.mode & 0o777)
        }
        let end: Int64
        do { end = try reader.writeData(to: file) } catch { throw .archive(error) }
        if entry.size > end { try calling(try file.setLength(entry.size)) }
        try dress(file, entry, isDirectory: false)
        disk += try calling(try file.status()).allocated
        try calling(
            try file.setTimes(seconds: entry.seconds, nanoseconds: entry.nanoseconds))
    }

    private func makeOther(
        _ entry: TarItem, _ path: EntryPath, in directory: OpenDirectory,
        _ make: (borrowing OwnedDescriptor, [CChar]) throws(SystemCallFailure) -> Void
    ) throws(TreeFailure) {
        let name = path.name.terminated
        let (owner, group) = try owner(of: entry)
        try making(name, in: directory, make)
        droppedAttributes += Int64(entry.attributes.count)
        try calling(try directory.descriptor.setOwner(of: name, owner, group))
        if case .link = entry.kind {
        } else {
            try calling(try directory.descriptor.setMode(of: name, entry.mode))
        }
        disk += try calling(try directory.descriptor.entryStatus(name))?.allocated ?? 0
        try calling(
            try directory.descriptor.setTimes(
                of: name, seconds: entry.seconds, nanoseconds: entry.nanoseconds))
    }

    /// One more name of an entry of this layer. An entry of a layer below is none: the layers are
    /// unpacked without each other.
    private func makeHardLink(
        _ target: [UInt8], _ path: EntryPath, in directory: OpenDirectory
    ) throws(TreeFailure) {
        let target = try EntryPath(target)
        let (name, base) = (path.name.terminated, target.name.terminated)
        let above = try directoryOfTarget(target)
        if target == path { return }
        do { try directory.descriptor.makeHardLink(name, to: base, in: above) } catch {
            guard error.errno == EEXIST else { throw .call(error) }
            try clear(name, in: directory)
            try calling(try directory.descriptor.makeHardLink(name, to: base, in: above))
        }
    }

    private func directoryOfTarget(_ target: EntryPath) throws(TreeFailure) -> OwnedDescriptor {
        do throws(SystemCallFailure) {
            let above = try root.opening(
                inRoot: target.parent.terminated, baseOfNames)
            let found = try above.entryStatus(target.name.terminated)
            if let found, !found.isWhiteout, found.kind != .directory { return above }
        } catch {
            let isAbout = LayerRefusal.Code(errno: error.errno) == .layerRefused
            guard isAbout else { throw .call(error) }
        }
        throw .refused("a hard link to what the layer does not have")
    }

    private func owner(of entry: TarItem) throws(TreeFailure) -> (UInt32, UInt32) {
        // -1 means "unchanged" for chown(2).
        guard let owner = UInt32(exactly: entry.owner), let group = UInt32(exactly: entry.group),
            owner != .max, group != .max
        else { throw .refused("the owner \(entry.owner):\(entry.group)") }
        return (owner, group)
    }

    private func dress(
        _ file: borrowing OwnedDescriptor, _ entry: TarItem, isDirectory: Bool
    ) throws(TreeFailure) {
        let (owner, group) = try owner(of: entry)
        if hasDefaultACL { try removeACLs(of: file, isDirectory: isDirectory) }
        let found = try calling(try file.status())
        if found.owner != owner || found.group != group {
            try calling(try file.setOwner(owner, group))
        }
        if found.mode != entry.mode { try calling(try file.setMode(entry.mode)) }
        let kept = entry.keptAttributes
        droppedAttributes += Int64(entry.attributes.count - kept.count)
        for attribute in kept { try set(attribute, on: file) }
    }

    private func set(
        _ attribute: TarItem.Attribute, on file: borrowing OwnedDescriptor
    ) throws(TreeFailure) {
        if attribute.name == defaultACL { hasDefaultACL = true }
        do { try file.setAttribute(attribute.name.terminated, attribute.value) } catch {
            // ENOSPC is also what ext4 says of attributes that do not fit into their block.
            guard error.errno == ENOSPC, try calling(try file.hasSpace()) else {
                throw .call(error)
            }
            throw .refused("the file system has no room for its attributes")
        }
    }
}

extension LayerTree {
    private func hide(_ whiteout: Whiteout, in directory: OpenDirectory) throws(TreeFailure) {
        switch whiteout {
        case .metadata: break
        case .hidesAll:
            if directory.path.isEmpty { rootIsOpaque = true }
            let open = try calling(
                try directory.descriptor.opening(entry: [46, 0], O_RDONLY | O_DIRECTORY))
            try hideBelow(open)
        case .hides(let name): try hide(name.terminated, in: directory)
        }
    }

    /// Hides what the layers below have of this name. This layer's own entry of the name stays, in
    /// either order of the two. It hides the entry below, and a directory the whole directory.
    private func hide(_ name: [CChar], in directory: OpenDirectory) throws(TreeFailure) {
        let found = try calling(try directory.descriptor.entryStatus(name))
        guard let found else {
            return try calling(try directory.descriptor.makeNode(name, mode: S_IFCHR))
        }
        guard found.kind == .directory else { return }
        implied.remove(inode: found.identity.inode)
        let open = try calling(
            try directory.descriptor.opening(entry: name, O_RDONLY | O_DIRECTORY))
        try hideBelow(open)
    }
}
