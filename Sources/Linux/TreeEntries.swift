// Makes the entries of a tree relative to a directory's descriptor. Names are bytes that end with
// NUL, and need not be UTF-8. Failures have no subject: only the caller knows the whole path.
//
// May block on the tree's disk: only for helpers.

import CLinux
import Failpoints
import Glibc
package import Kernel

extension OwnedDescriptor {
    /// Opens `path` as if this directory were the root: links and `..` stay inside, and no mount
    /// and no magic link is followed (openat2(2)). An empty path is this directory.
    package borrowing func opening(
        inRoot path: [CChar], _ flags: CInt
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let resolve = UInt64(
            CLINUX_RESOLVE_IN_ROOT | CLINUX_RESOLVE_NO_XDEV | CLINUX_RESOLVE_NO_MAGICLINKS)
        return try opening(path == [0] ? [46, 0] : path, flags, resolve)
    }

    /// Opens `path` below this directory; a link or a mount on the way is a failure (openat2(2)).
    package borrowing func opening(
        beneath path: [CChar], _ flags: CInt
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let resolve = UInt64(
            CLINUX_RESOLVE_BENEATH | CLINUX_RESOLVE_NO_XDEV | CLINUX_RESOLVE_NO_SYMLINKS)
        return try opening(path == [0] ? [46, 0] : path, flags | O_NOFOLLOW, resolve)
    }

    private borrowing func opening(
        _ path: [CChar], _ flags: CInt, _ resolve: UInt64
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: `path` ends in NUL and lives for the call.
        let opened = fallible("fd.openin", .descriptor) {
            unsafe clinux_openat2(number, path, UInt64(flags | O_CLOEXEC), resolve)
        }
        return OwnedDescriptor(adopting: try check(opened, "openat2", ""))
    }

    /// Opens the entry of this name itself, not the target of a link.
    package borrowing func opening(
        entry name: [CChar], _ flags: CInt, mode: UInt32 = 0
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: `name` ends in NUL and lives for the call.
        let opened = fallible("fd.openat", .descriptor) {
            unsafe clinux_openat(number, name, flags | O_NOFOLLOW | O_CLOEXEC, mode)
        }
        return OwnedDescriptor(adopting: try check(opened, "openat", ""))
    }

    /// Makes a file for writing; EEXIST if the name is taken, also by a link.
    package borrowing func makeFile(
        _ name: [CChar], mode: UInt32
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        // SAFETY: `name` ends in NUL and lives for the call.
        let made = effect("tree.create", [.storage, .descriptor]) {
            unsafe clinux_openat(number, name, flags, mode)
        }
        return OwnedDescriptor(adopting: try check(made, "openat", ""))
    }

    /// mkdirat(2).
    package borrowing func makeDirectory(
        _ name: [CChar], mode: UInt32
    ) throws(SystemCallFailure) {
        // SAFETY: `name` ends in NUL and lives for the call.
        try check(
            effect("tree.mkdir", .storage) { unsafe mkdirat(number, name, mode) }, "mkdirat", "")
    }

    /// symlinkat(2); `target` is not looked at.
    package borrowing func makeLink(
        _ name: [CChar], to target: [CChar]
    ) throws(SystemCallFailure) {
        // SAFETY: both end in NUL and live for the call.
        try check(
            effect("tree.symlink", .storage) { unsafe symlinkat(target, number, name) },
            "symlinkat", "")
    }

    /// mknodat(2). `mode` contains the type.
    package borrowing func makeNode(
        _ name: [CChar], mode: UInt32, device: UInt64 = 0
    ) throws(SystemCallFailure) {
        // SAFETY: `name` ends in NUL and lives for the call.
        try check(
            effect("tree.mknod", .storage) { unsafe mknodat(number, name, mode, dev_t(device)) },
            "mknodat", "")
    }

    /// linkat(2): gives the entry `target` of the directory `other`, which may be a link itself,
    /// one more name.
    package borrowing func makeHardLink(
        _ name: [CChar], to target: [CChar], in other: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        let (from, to) = (other.number, number)
        // SAFETY: both names end in NUL and live for the call.
        try check(
            effect("tree.link", .storage) { unsafe linkat(from, target, to, name, 0) },
            "linkat", "")
    }

    /// Removes the name of anything but a directory: EISDIR.
    package borrowing func unlink(_ name: [CChar]) throws(SystemCallFailure) {
        // SAFETY: `name` ends in NUL and lives for the call.
        try check(
            effect("tree.unlink", .inputOutput) { unsafe unlinkat(number, name, 0) },
            "unlinkat", "")
    }

    /// The status of the entry of this name itself; `nil` if there is none.
    package borrowing func entryStatus(
        _ name: [CChar]
    ) throws(SystemCallFailure) -> FileStatus? {
        do { return try status(of: name, subject: "") } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }
}

extension OwnedDescriptor {
    /// fchown(2).
    package borrowing func setOwner(_ owner: UInt32, _ group: UInt32) throws(SystemCallFailure) {
        try check(effect("tree.chown", .storage) { fchown(number, owner, group) }, "fchown", "")
    }

    /// fchmod(2); the permission bits only.
    package borrowing func setMode(_ mode: UInt32) throws(SystemCallFailure) {
        try check(effect("tree.chmod", .storage) { fchmod(number, mode) }, "fchmod", "")
    }

    /// The owner of the entry of this name itself (fchownat(2)).
    package borrowing func setOwner(
        of name: [CChar], _ owner: UInt32, _ group: UInt32
    ) throws(SystemCallFailure) {
        // SAFETY: `name` ends in NUL and lives for the call.
        try check(
            effect("tree.chown", .storage) {
                unsafe fchownat(number, name, owner, group, AT_SYMLINK_NOFOLLOW)
            }, "fchownat", "")
    }

    /// The mode of the entry of this name, which must not be a link (fchmodat(2)).
    package borrowing func setMode(of name: [CChar], _ mode: UInt32) throws(SystemCallFailure) {
        // SAFETY: `name` ends in NUL and lives for the call.
        try check(
            effect("tree.chmod", .storage) { unsafe fchmodat(number, name, mode, 0) },
            "fchmodat", "")
    }

    /// Sets the times of access and modification (utimensat(2)). The file system clamps a time that
    /// it cannot store.
    package borrowing func setTimes(
        seconds: Int64, nanoseconds: Int
    ) throws(SystemCallFailure) {
        let times = twice(seconds, nanoseconds)
        // SAFETY: the two structures live for the call.
        try check(
            effect("tree.utimens", .storage) { unsafe futimens(number, times) }, "futimens", "")
    }

    /// The same for the entry of this name itself.
    package borrowing func setTimes(
        of name: [CChar], seconds: Int64, nanoseconds: Int
    ) throws(SystemCallFailure) {
        let times = twice(seconds, nanoseconds)
        // SAFETY: `name` ends in NUL, and it and the two structures live for the call.
        try check(
            effect("tree.utimens", .storage) {
                unsafe utimensat(number, name, times, AT_SYMLINK_NOFOLLOW)
            }, "utimensat", "")
    }

    /// Makes the file this long; new bytes are a hole.
    package borrowing func setLength(_ bytes: Int64) throws(SystemCallFailure) {
        try check(
            effect("tree.truncate", .storage) { ftruncate(number, off_t(bytes)) }, "ftruncate", "")
    }
}

/// Access and modification, as utimensat(2) takes them. A count of nanoseconds that is none is 0.
private func twice(_ seconds: Int64, _ nanoseconds: Int) -> [timespec] {
    let valid = (0..<1_000_000_000).contains(nanoseconds) ? nanoseconds : 0
    let time = timespec(tv_sec: Int(seconds), tv_nsec: valid)
    return [time, time]
}
