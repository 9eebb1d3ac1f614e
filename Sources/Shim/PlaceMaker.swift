// Makes the places in a task's root that the runtime opens before it changes its own root: mount
// targets, the working directory, `/dev`, `/proc` and `/sys`.
//
// The runtime creates missing places as the host's root, and follows any links on the way. So the
// mount helper makes each place first, without following links, and the runtime gets the real path.
// The helper creates nothing outside the task's own files: a place inside a bind mount must exist.

import Kernel
import Linux
import ShimProtocol

/// Why a place cannot be made.
struct PlaceRefused: Error {
    let fault: ShimFault
    let detail: String

    init(_ detail: String, _ fault: ShimFault = .targetRefused) {
        self.fault = fault
        self.detail = detail
    }
}

/// A bind mount's source as it is on the host now.
final class BindSource {
    let path: String
    let descriptor: OwnedDescriptor
    let isDirectory: Bool
    /// Its mount on the host, if it is to be shared.
    private let host: MountInfo?

    /// Must be called in the host's mount namespace. A directory that it makes stays there.
    init(_ mount: WireMount, _ path: String) throws(PlaceRefused) {
        self.path = path
        do throws(SystemCallFailure) {
            if mount.create, try !Files.isThere(path) {
                try Files.makeDirectories(path, mode: 0o755)
            }
            descriptor = try OwnedDescriptor.path(path)
            isDirectory = try FileType(descriptor) == .directory
            host = mount.sharedBy == nil ? nil : try MountInfo.of(descriptor)
        } catch {
            // ENOENT, ENOTDIR
            let isMissing = error.errno == 2 || error.errno == 20
            throw PlaceRefused(
                "the source of the mount at \(mount.target): \(error)",
                isMissing ? .sourceMissing : .mountRefused)
        }
        if let place = mount.sharedBy, host?.isShared != true {
            throw PlaceRefused(
                "\(place): \(path) is on the host's mount at \(host?.mountPoint ?? "?"), which is "
                    + "not shared",
                .notShared)
        }
    }

    /// The type of the file below it at these names; `nil` if there is none.
    func type(
        of names: [RootDirectory.Name], followsLinks: Bool
    ) throws(SystemCallFailure) -> FileType? {
        guard let file = try descriptor.beneath(names, followsLinks: followsLinks) else {
            return nil
        }
        return try FileType(file)
    }
}

final class PlaceMaker {
    private typealias Name = RootDirectory.Name

    private let root: RootDirectory
    /// The mounts so far: the target, and its source on the host; `nil` for a file system that is
    /// made for the task.
    private var mounted: [(names: [Name], source: BindSource?)] = []

    /// Begins with the mounts that every task has.
    init(_ root: consuming RootDirectory) throws(PlaceRefused) {
        self.root = root
        for name in ["proc", "dev", "sys"] {
            let names = [Array(name.utf8)]
            switch try asked({ () throws(SystemCallFailure) in try self.root.type(of: names) }) {
            case .directory?, nil:
                try asked { () throws(SystemCallFailure) in try self.root.makeDirectory(names) }
            case .link?: throw PlaceRefused("/\(name) is a symbolic link in the rootfs")
            case .other?: throw PlaceRefused("/\(name) is not a directory in the rootfs")
            }
            mounted.append((names, nil))
        }
    }

    /// Makes the target of a mount, after those of the earlier mounts. Returns its path, free of
    /// links.
    func place(_ mount: WireMount, _ source: BindSource?) throws(PlaceRefused) -> String {
        let isDirectory = source?.isDirectory ?? true
        let (names, outer) = try find(mount.target)
        try refuseHiding(names, mount.target)
        if let outer {
            try require(names, in: outer, isDirectory, "the mount target \(mount.target)")
        } else {
            try makeReal(names, isDirectory, mount.target)
        }
        mounted.append((names, source))
        let path = names.joined(separator: [UInt8(ascii: "/")])
        guard let text = String(validating: path, as: UTF8.self) else {
            throw PlaceRefused("the mount target \(mount.target) leads to \(shownPath(names))")
        }
        return "/" + text
    }

    /// The same for a mount that is left out if another one has its target, contains it, or is
    /// inside of it. Then it returns an empty path.
    func placeIfFree(_ mount: WireMount, _ source: BindSource?) throws(PlaceRefused) -> String {
        let (names, outer) = try find(mount.target)
        let isFree = outer == nil && !mounted.contains { $0.names.starts(with: names) }
        return isFree ? try place(mount, source) : ""
    }

    /// Makes sure that the working directory exists. If it is in a file system that is made for the
    /// task, the runtime creates it there.
    func makeWorkingDirectory(_ path: String) throws(PlaceRefused) {
        let (names, outer) = try find(path)
        if let outer {
            return try require(names, in: outer, true, "the cwd \(path)", followsLinks: true)
        }
        // If something else is at its path, the runtime reports that.
        guard try asked({ () throws(SystemCallFailure) in try self.root.type(of: names) }) == nil
        else { return }
        try asked { () throws(SystemCallFailure) in try self.root.makeDirectory(names) }
    }

    /// The names on the way to a place, and the last mount that contains it.
    private func find(
        _ path: String
    ) throws(PlaceRefused) -> (names: [Name], outer: Int?) {
        let stops = mounted.map(\.names)
        let found = try asked { () throws(SystemCallFailure) in
            try self.root.resolve(path, stops: stops)
        }
        let names = found.names + found.rest.filter { $0 != [UInt8(ascii: ".")] }
        if found.rest.contains(Array("..".utf8)) {
            throw PlaceRefused("\(path) leads out of a mount by '..'")
        }
        let outer = mounted.indices.last { index in
            !mounted[index].names.isEmpty && names.starts(with: mounted[index].names)
        }
        return (names, outer)
    }

    /// A mount hides earlier mounts inside its target.
    private func refuseHiding(_ names: [Name], _ target: String) throws(PlaceRefused) {
        guard let hidden = mounted.first(where: { $0.names.starts(with: names) }) else { return }
        throw PlaceRefused(
            "the mount target \(target) is \(shownPath(names)), which hides what is mounted at "
                + shownPath(hidden.names))
    }

    /// Checks a place inside another mount; creates nothing in the host's own files. Refuses a link
    /// that leads out of them, because its target in the task may be anything.
    private func require(
        _ names: [Name], in outer: Int, _ isDirectory: Bool, _ what: String,
        followsLinks: Bool = false
    ) throws(PlaceRefused) {
        let (base, source) = mounted[outer]
        guard let source else {
            // The kernel's own file systems are unsafe mount targets; the runtime checks those.
            return
        }
        let rest = Array(names[base.count...])
        let place = "\(shownPath(rest)) in the bind source \(source.path)"
        let type: FileType?
        do throws(SystemCallFailure) {
            type = try source.type(of: rest, followsLinks: followsLinks)
        } catch {
            throw PlaceRefused("\(what) cannot be \(place): \(error)")
        }
        guard let type else { throw PlaceRefused("\(what) does not exist: create \(place)") }
        guard (type == .directory) == isDirectory else {
            let wanted = isDirectory ? "a directory" : "a file"
            throw PlaceRefused("\(what) is not \(wanted): \(place)")
        }
    }

    private func makeReal(
        _ names: [Name], _ isDirectory: Bool, _ target: String
    ) throws(PlaceRefused) {
        let type = try asked { () throws(SystemCallFailure) in try self.root.type(of: names) }
        if let type, (type == .directory) != isDirectory {
            let wanted = isDirectory ? "a directory" : "a file"
            throw PlaceRefused("the mount target \(target) is not \(wanted) in the rootfs")
        }
        try asked { () throws(SystemCallFailure) in
            if isDirectory {
                try self.root.makeDirectory(names)
            } else {
                try self.root.makeFile(names)
            }
        }
    }

    private func asked<Result>(
        _ body: () throws(SystemCallFailure) -> Result
    ) throws(PlaceRefused) -> Result {
        do throws(SystemCallFailure) { return try body() } catch {
            // ELOOP, ENOTDIR: the rootfs contains something else than the path says.
            let isContent = error.errno == 40 || error.errno == 20
            throw PlaceRefused(error.description, isContent ? .targetRefused : .mountRefused)
        }
    }
}
