// Walks the tree below a cgroup, as the process in it made it.
//
// A task with a writable cgroup can create any number of cgroups, at any depth, under any names. So
// the walk uses descriptors and bytes, never paths: a name need not be UTF-8, and a path may exceed
// PATH_MAX. It holds three descriptors at any depth, because a teardown must not need many. It does
// not recurse, because the stack is limited.

import Bytes
import CLinux
import Failpoints
import Glibc
import Kernel

enum CgroupTree {
    /// A cgroup on the way to the current one, and its children that are still to be visited.
    private struct Level {
        /// Its name in its parent, with the final NUL.
        let name: [CChar]
        var rest: [DirectoryEntry]
    }

    /// Calls `visit` for `top` and every cgroup below it, leaves first. Then calls `leave` with the
    /// parent and the name, except for `top`. Skips cgroups that were removed meanwhile.
    static func walk(
        _ top: String,
        visit: (borrowing OwnedDescriptor) throws(SystemCallFailure) -> Void,
        leave: (borrowing OwnedDescriptor, [CChar]) throws(SystemCallFailure) -> Void
    ) throws(SystemCallFailure) {
        var current: OwnedDescriptor
        do { current = try OwnedDescriptor.directory(top) } catch {
            if isGone(error) { return }
            throw error
        }
        var levels = [Level(name: [], rest: try children(of: current, top))]
        while let level = levels.last {
            if let child = levels[levels.count - 1].rest.popLast() {
                guard let below = try opening(child.name, in: current, top) else { continue }
                current = below
                levels.append(Level(name: child.name, rest: try children(of: current, top)))
                continue
            }
            try visit(current)
            levels.removeLast()
            if levels.isEmpty { return }
            // A cgroup never changes its parent, so this is the parent that the walk came from.
            current = try parent(of: current, top)
            try leave(current, level.name)
        }
    }

    /// The same without `leave`.
    static func walk(
        _ top: String, visit: (borrowing OwnedDescriptor) throws(SystemCallFailure) -> Void
    ) throws(SystemCallFailure) {
        try walk(top, visit: visit) { _, _ in }
    }

    /// The pids in `cgroup` itself, not below it.
    static func processes(
        in cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) -> [Int32] {
        do { return try pids("cgroup.procs", in: cgroup, top) } catch {
            if isGone(error) { return [] }
            // A threaded cgroup of v2 has no processes of its own: reading them fails with
            // EOPNOTSUPP.
            guard error.errno == EOPNOTSUPP else { throw error }
        }
        return try pids("cgroup.threads", in: cgroup, top)
    }

    /// Writes into one of the cgroup's files.
    static func writeControlFile(
        _ file: String, _ text: String, in cgroup: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let directory = cgroup.number
        // SAFETY: the C string lives for the call.
        let opened = fallible("fd.openat", .descriptor) {
            unsafe clinux_openat(directory, file, O_WRONLY | O_CLOEXEC, 0)
        }
        let writing = OwnedDescriptor(adopting: try check(opened, "openat", file))
        _ = try writing.write(Array(text.utf8)[...])
    }

    /// Succeeds also if the cgroup was removed meanwhile.
    static func remove(
        _ name: [CChar], in parent: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) {
        let directory = parent.number
        // SAFETY: `name` ends in NUL and lives for the call.
        let result = effect("fs.rmdir", .inputOutput) {
            unsafe unlinkat(directory, name, atRemoveDirectory)
        }
        if result < 0 && errno != ENOENT { try check(-1, "unlinkat", "below \(top)") }
    }

    private static func pids(
        _ file: String, in cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) -> [Int32] {
        let subject = "\(file) at or below \(top)"
        let reading = try cgroup.file(Array(file.utf8CString), subject: subject)
        let text = try reading.readAll(limit: 1 << 20)
        return text.split(separator: UInt8(ascii: "\n")).compactMap { $0.decimal() }
    }

    private static func children(
        of cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) -> [DirectoryEntry] {
        do {
            return try cgroup.entries(subject: "below \(top)").filter(\.mayBeDirectory)
        } catch {
            if isGone(error) { return [] }
            throw error
        }
    }

    private static func opening(
        _ name: [CChar], in cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        do { return try cgroup.directory(name, subject: "below \(top)") } catch {
            if isGone(error) { return nil }
            throw error
        }
    }

    private static func parent(
        of cgroup: borrowing OwnedDescriptor, _ top: String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let directory = cgroup.number
        let opened = fallible("fd.openat", .descriptor) {
            unsafe clinux_openat(directory, "..", clinux_o_path | O_DIRECTORY | O_CLOEXEC, 0)
        }
        return OwnedDescriptor(adopting: try check(opened, "openat", "above one below \(top)"))
    }

    /// Whether the cgroup was removed meanwhile: its name (ENOENT), or its files (ENODEV).
    private static func isGone(_ failure: SystemCallFailure) -> Bool {
        failure.errno == ENOENT || failure.errno == ENODEV
    }
}

/// AT_REMOVEDIR, which Swift's Glibc module declares with another type.
private let atRemoveDirectory: CInt = 0x200
