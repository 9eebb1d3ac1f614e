// The root of a task's file system, whose content is untrusted.
//
// The runtime joins paths to the root and follows links on the way, so a link to `/dev` would lead
// to the host's. Therefore a path is resolved here as the task will see it. Its directories are
// created in the overlay's upper layer: they stay the same, even if the lower layer changes before
// the runtime uses them. Paths are bytes.

import CLinux
import Glibc
package import Kernel

/// May block on the root's disks: only for helpers.
package struct RootDirectory: ~Copyable {
    package typealias Name = [UInt8]

    private let descriptor: OwnedDescriptor

    package init(_ path: String) throws(SystemCallFailure) {
        descriptor = try OwnedDescriptor.directory(path)
    }

    /// The type of the file of this name, without following a link; `nil` if there is none.
    package borrowing func type(of names: [Name]) throws(SystemCallFailure) -> FileType? {
        guard let file = try opening(names) else { return nil }
        return try FileType(file)
    }

    /// The names on the way to `path` without links, `.` or `..`, as if this were the root
    /// directory. Missing names are kept as written. Stops at the first of `stops`, with the rest
    /// of the path, because a mount there hides this root's content.
    package borrowing func resolve(
        _ path: String, stops: [[Name]]
    ) throws(SystemCallFailure) -> (names: [Name], rest: [Name]) {
        var names: [Name] = []
        var rest = RootDirectory.names(in: path.utf8)[...]
        var links = 0
        while let name = rest.popFirst() {
            if name == [UInt8(ascii: ".")] { continue }
            if name == Array("..".utf8) {
                _ = names.popLast()
                continue
            }
            names.append(name)
            if stops.contains(names) { break }
            guard let file = try opening(names), try FileType(file) == .link else { continue }
            links += 1
            // The kernel's limit of links (path_resolution(7)).
            guard links <= 40 else {
                throw SystemCallFailure(call: "readlink", subject: path, errno: ELOOP)
            }
            let target = try RootDirectory.target(of: file)
            names = target.first == UInt8(ascii: "/") ? [] : names.dropLast()
            rest = (RootDirectory.names(in: target) + rest)[...]
        }
        return (names, Array(rest))
    }

    /// Makes sure that `names` is a directory of the upper layer, without a link on the way.
    package borrowing func makeDirectory(_ names: [Name]) throws(SystemCallFailure) {
        _ = try directory(names[...])
    }

    /// Makes sure that `names` is an empty file of the upper layer, as a mount target. Replaces
    /// what was there, because the mount hides it anyway.
    package borrowing func makeFile(_ names: [Name]) throws(SystemCallFailure) {
        guard let last = names.last else { return }
        let parent = try directory(names.dropLast())
        let (number, name) = (parent.number, last.map { CChar(bitPattern: $0) } + [0])
        // SAFETY: the array lives for the calls, and ends with 0.
        if unsafe unlinkat(number, name, 0) < 0 && errno != ENOENT {
            try check(-1, "unlink", shownPath(names))
        }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        // SAFETY: as before.
        let made = unsafe clinux_openat(number, name, flags, 0o644)
        _ = OwnedDescriptor(adopting: try check(made, "open", shownPath(names)))
    }

    private borrowing func directory(
        _ names: ArraySlice<Name>
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        var found = try at(descriptor, ".", O_DIRECTORY)
        for (depth, name) in names.enumerated() {
            let (number, text) = (found.number, name.map { CChar(bitPattern: $0) } + [0])
            let path = shownPath(Array(names.prefix(depth + 1)))
            // SAFETY: the array lives for the call, and ends with 0.
            if unsafe mkdirat(number, text, 0o755) < 0 && errno != EEXIST {
                try check(-1, "mkdir", path)
            }
            let flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | clinux_o_path
            // SAFETY: as before.
            let opened = unsafe clinux_openat(number, text, flags, 0)
            found = OwnedDescriptor(adopting: try check(opened, "open", path))
            try check(clinux_copy_up(found.number), "chown", path)
        }
        return found
    }

    private borrowing func opening(
        _ names: [Name]
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        let path = names.isEmpty ? [UInt8(ascii: ".")] : Array(names.joined(separator: [47]))
        return try descriptor.opening(
            path, resolve: CLINUX_RESOLVE_IN_ROOT | CLINUX_RESOLVE_NO_MAGICLINKS)
    }

    private static func target(
        of link: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [UInt8] {
        var target = [CChar](repeating: 0, count: 4096)
        // SAFETY: at most as many bytes are written as the array has.
        let count = try check(
            unsafe clinux_read_link(link.number, &target, target.count), "readlink", "a link")
        return target.prefix(count).map { UInt8(bitPattern: $0) }
    }

    /// The components of a path.
    package static func names(in path: some Sequence<UInt8>) -> [Name] {
        Array(path).split(separator: UInt8(ascii: "/")).map(Array.init)
    }

    private borrowing func at(
        _ directory: borrowing OwnedDescriptor, _ name: String, _ flags: CInt
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: the C string lives for the call.
        let opened = unsafe clinux_openat(
            directory.number, name, flags | O_CLOEXEC | clinux_o_path, 0)
        return OwnedDescriptor(adopting: try check(opened, "open", name))
    }
}

/// A path inside a root, for messages.
package func shownPath(_ names: [RootDirectory.Name]) -> String {
    "/" + String(decoding: Array(names.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
}

package enum FileType: Equatable, Sendable {
    case directory, link, other

    package init(_ file: borrowing OwnedDescriptor) throws(SystemCallFailure) {
        switch try check(clinux_file_type(file.number), "fstat", "descriptor \(file.number)") {
        case CInt(CLINUX_IFDIR): self = .directory
        case CInt(CLINUX_IFLNK): self = .link
        case _: self = .other
        }
    }
}

extension OwnedDescriptor {
    /// Opens a name below a directory with O_PATH; `nil` if it does not exist. `resolve` is
    /// RESOLVE_* of openat2(2); a last link is followed if `follows`.
    package borrowing func opening(
        _ path: [UInt8], resolve: Int, follows: Bool = false
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        let flags = UInt64(clinux_o_path | (follows ? 0 : O_NOFOLLOW) | O_CLOEXEC)
        let text = path.map { CChar(bitPattern: $0) } + [0]
        // SAFETY: the array lives for the call, and ends with 0.
        let opened = unsafe clinux_openat2(number, text, flags, UInt64(resolve))
        if opened < 0 && errno == ENOENT { return nil }
        let shown = String(decoding: path, as: UTF8.self)
        return OwnedDescriptor(adopting: try check(opened, "openat2", shown))
    }

    /// Opens a path inside a directory without leaving it; `nil` if it does not exist. Follows
    /// links only if `followsLinks`.
    package borrowing func beneath(
        _ names: [[UInt8]], followsLinks: Bool
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        let path = names.isEmpty ? [UInt8(ascii: ".")] : Array(names.joined(separator: [47]))
        let links = followsLinks ? CLINUX_RESOLVE_NO_MAGICLINKS : CLINUX_RESOLVE_NO_SYMLINKS
        return try opening(
            path, resolve: CLINUX_RESOLVE_BENEATH | links, follows: followsLinks)
    }
}
