// Removes a tree: relative to descriptors, never across a mount, never through a link (law 10).
//
// May block as long as the disk does: only for helpers.

import CLinux
import Failpoints
import Glibc
package import Kernel

package enum Tree {
    /// Removes `name` in the directory at `parent`, with everything below it. A missing tree is no
    /// failure. EXDEV or EBUSY: something is mounted below; what was not reached stays.
    package static func remove(_ name: String, in parent: String) throws(SystemCallFailure) {
        let directory: OwnedDescriptor
        do { directory = try OwnedDescriptor.opening(parent, O_RDONLY | O_DIRECTORY) } catch {
            if error.errno == ENOENT { return }
            throw error
        }
        var removal = Removal()
        try removal.removeEntry(
            Array(name.utf8CString), in: directory, path: "\(parent)/\(name)", depth: 0)
    }
}

/// One removal of one tree.
private struct Removal {
    /// Below this depth, a directory is first moved up into the tree's top. Each level costs a
    /// descriptor, and a container can create any number of levels.
    private static let deepest = 100

    /// The top's descriptor when it is open; its owner is further up on the stack.
    private var top: CInt = -1
    private var moved = 0

    mutating func removeEntry(
        _ name: [CChar], in parent: borrowing OwnedDescriptor, path: String, depth: Int
    ) throws(SystemCallFailure) {
        if try unlinkEntry(name, in: parent, path: path) { return }
        if depth > Removal.deepest { return try moveUp(name, in: parent, path: path) }
        // SAFETY: `name` ends in NUL and lives for the call.
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let resolve = UInt64(
            CLINUX_RESOLVE_NO_XDEV | CLINUX_RESOLVE_NO_SYMLINKS
                | CLINUX_RESOLVE_BENEATH)
        let number = fallible("fd.openat", [.descriptor, .inputOutput]) {
            unsafe clinux_openat2(parent.number, name, flags, resolve)
        }
        if number < 0 && errno == ENOENT { return }
        try check(number, "openat2", path)
        if depth == 0 { top = number }
        try removeContents(of: OwnedDescriptor(adopting: number), path: path, depth: depth)
        let result = effect("tree.rmdir", .inputOutput) {
            unsafe unlinkat(parent.number, name, atRemoveDirectory)
        }
        if result < 0 && errno != ENOENT { try check(-1, "unlinkat", path) }
    }

    /// Moves a directory to the top, where a later read of the top finds it.
    private mutating func moveUp(
        _ name: [CChar], in parent: borrowing OwnedDescriptor, path: String
    ) throws(SystemCallFailure) {
        while true {
            moved += 1
            // SAFETY: both names end in NUL and live for the call.
            if unsafe renameat(parent.number, name, top, ".moved-\(moved)") == 0 { return }
            if errno == ENOENT { return }
            // The tree has that name already: tries the next number.
            if [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) { continue }
            throw SystemCallFailure(call: "renameat", subject: path, errno: errno)
        }
    }

    /// Unlinks anything but a directory; `false` if it is a directory.
    private func unlinkEntry(
        _ name: [CChar], in parent: borrowing OwnedDescriptor, path: String
    ) throws(SystemCallFailure) -> Bool {
        // SAFETY: `name` ends in NUL and lives for the calls.
        let result = effect("tree.unlink", [.inputOutput, .noMemory]) {
            unsafe unlinkat(parent.number, name, 0)
        }
        if result == 0 || errno == ENOENT { return true }
        if errno == EISDIR { return false }
        guard errno == EPERM else {
            let failure = SystemCallFailure(call: "unlinkat", subject: path, errno: errno)
            // On a read-only file system the kernel returns EROFS for any name, even if it does not
            // exist.
            if failure.errno == EROFS && !isThere(name, in: parent) { return true }
            throw failure
        }
        // EPERM may mean immutable or append-only: those flags are cleared here.
        _ = unsafe clinux_clear_file_flags(parent.number, name)
        if unsafe unlinkat(parent.number, name, 0) == 0 || errno == ENOENT { return true }
        if errno == EISDIR { return false }
        throw SystemCallFailure(call: "unlinkat", subject: path, errno: errno)
    }

    private func isThere(_ name: [CChar], in parent: borrowing OwnedDescriptor) -> Bool {
        // SAFETY: `name` ends in NUL and lives for the call, as the structure does.
        var found = stat()
        return unsafe fstatat(parent.number, name, &found, AT_SYMLINK_NOFOLLOW) == 0
            || errno != ENOENT
    }

    private mutating func removeContents(
        of directory: consuming OwnedDescriptor, path: String, depth: Int
    ) throws(SystemCallFailure) {
        // Removing while reading may skip entries on some file systems: reads until none is left.
        while true {
            let entries = try directory.entries(atMost: 4096, subject: path)
            if entries.isEmpty { return }
            for name in entries.map(\.name) {
                // SAFETY: `name` ends in NUL.
                let text = unsafe name.withUnsafeBufferPointer { buffer in
                    unsafe buffer.baseAddress.map { unsafe String(cString: $0) } ?? ""
                }
                try removeEntry(name, in: directory, path: "\(path)/\(text)", depth: depth + 1)
            }
        }
    }
}

/// AT_REMOVEDIR, which Swift's Glibc module declares with another type.
private let atRemoveDirectory: CInt = 0x200
