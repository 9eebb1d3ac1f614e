// Removes a tree: relative to descriptors, never across a mount, never through a link (law 10).
//
// May block as long as the disk does: only for helpers.

import CLinux
import Failpoints
import Glibc
package import Kernel

package enum Tree {
    /// Removes `name` in the directory at `parent`, with everything below it. A missing tree is no
    /// failure. EXDEV or EBUSY: something is mounted below; what was not reached stays, and the
    /// next call goes on with it.
    package static func remove(_ name: String, in parent: String) throws(SystemCallFailure) {
        let directory: OwnedDescriptor
        do { directory = try OwnedDescriptor.opening(parent, O_RDONLY | O_DIRECTORY) } catch {
            if error.errno == ENOENT { return }
            throw error
        }
        try remove(entry: Array(name.utf8CString), in: directory, subject: parent)
    }

    /// Removes the entry `name`, which ends in NUL, of an open directory in the same way. `removed`
    /// is called after each removal of a name. Memory and descriptors have a bound, whatever the
    /// tree's size and depth.
    package static func remove(
        entry name: [CChar], in parent: borrowing OwnedDescriptor, subject: String,
        removed: @escaping () -> Void = {}
    ) throws(SystemCallFailure) {
        var removal = Removal(subject: subject, removed: removed)
        try removal.removeEntry(name, in: parent)
    }
}

/// One removal of one tree.
private struct Removal {
    /// Below this depth, a directory is first moved up into the tree's top. Each level costs a
    /// descriptor and a batch of names, and a container can create any number of levels.
    private static let deepest = 32
    /// The most names of a directory in memory.
    private static let batch = 512

    let subject: String
    let removed: () -> Void
    /// The names of the open directories, from the top of the tree.
    private var way: [[CChar]] = []
    /// The top's descriptor when it is open; its owner is further up on the stack.
    private var top: CInt = -1
    private var moved = 0

    init(subject: String, removed: @escaping () -> Void) {
        self.subject = subject
        self.removed = removed
    }

    /// The path of an entry, for a failure.
    private func path(_ name: [CChar]) -> String {
        (way + [name]).reduce(subject) { path, name in
            let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return "\(path)/\(String(decoding: bytes, as: UTF8.self))"
        }
    }

    mutating func removeEntry(
        _ name: [CChar], in parent: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        if try unlinkEntry(name, in: parent) { return removed() }
        if way.count > Removal.deepest { return try moveUp(name, in: parent) }
        // SAFETY: `name` ends in NUL and lives for the call.
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let resolve = UInt64(
            CLINUX_RESOLVE_NO_XDEV | CLINUX_RESOLVE_NO_SYMLINKS
                | CLINUX_RESOLVE_BENEATH)
        let number = fallible("fd.openat", [.descriptor, .inputOutput]) {
            unsafe clinux_openat2(parent.number, name, flags, resolve)
        }
        if number < 0 && errno == ENOENT { return }
        try check(number, "openat2", path(name))
        if way.isEmpty { top = number }
        way.append(name)
        try removeContents(of: OwnedDescriptor(adopting: number))
        way.removeLast()
        let result = effect("tree.rmdir", .inputOutput) {
            unsafe unlinkat(parent.number, name, atRemoveDirectory)
        }
        if result < 0 && errno != ENOENT { try check(-1, "unlinkat", path(name)) }
        removed()
    }

    /// Moves a directory to the top, where a later read of the top finds it.
    private mutating func moveUp(
        _ name: [CChar], in parent: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        while true {
            moved += 1
            // SAFETY: both names end in NUL and live for the call.
            if unsafe renameat(parent.number, name, top, ".moved-\(moved)") == 0 { return }
            if errno == ENOENT { return }
            // The tree has that name already: tries the next number.
            if [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) { continue }
            throw SystemCallFailure(call: "renameat", subject: path(name), errno: errno)
        }
    }

    /// Unlinks anything but a directory; `false` if it is a directory.
    private func unlinkEntry(
        _ name: [CChar], in parent: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> Bool {
        // SAFETY: `name` ends in NUL and lives for the calls.
        let result = effect("tree.unlink", [.inputOutput, .noMemory]) {
            unsafe unlinkat(parent.number, name, 0)
        }
        if result == 0 || errno == ENOENT { return true }
        if errno == EISDIR { return false }
        guard errno == EPERM else {
            let failure = SystemCallFailure(call: "unlinkat", subject: path(name), errno: errno)
            // On a read-only file system the kernel returns EROFS for any name, even if it does not
            // exist.
            if failure.errno == EROFS && !isThere(name, in: parent) { return true }
            throw failure
        }
        // EPERM may mean immutable or append-only: those flags are cleared here.
        _ = unsafe clinux_clear_file_flags(parent.number, name)
        if unsafe unlinkat(parent.number, name, 0) == 0 || errno == ENOENT { return true }
        if errno == EISDIR { return false }
        throw SystemCallFailure(call: "unlinkat", subject: path(name), errno: errno)
    }

    private func isThere(_ name: [CChar], in parent: borrowing OwnedDescriptor) -> Bool {
        // SAFETY: `name` ends in NUL and lives for the call, as the structure does.
        var found = stat()
        return unsafe fstatat(parent.number, name, &found, AT_SYMLINK_NOFOLLOW) == 0
            || errno != ENOENT
    }

    private mutating func removeContents(
        of directory: consuming OwnedDescriptor
    ) throws(SystemCallFailure) {
        // Removing while reading may skip entries on some file systems: reads until none is left.
        while true {
            let entries = try directory.entries(atMost: Removal.batch, subject: subject)
            if entries.isEmpty { return }
            for entry in entries { try removeEntry(entry.name, in: directory) }
        }
    }
}

/// AT_REMOVEDIR, which Swift's Glibc module declares with another type.
private let atRemoveDirectory: CInt = 0x200
