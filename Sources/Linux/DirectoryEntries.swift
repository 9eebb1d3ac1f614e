// Reads a directory by its descriptor, and names by their bytes. A name need not be UTF-8, and a
// message about such a name must keep its exact bytes.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// A name in a directory.
package struct DirectoryEntry: Sendable {
    /// The kernel's bytes, with the final NUL.
    package let name: [CChar]
    /// `false` if the directory says that it is something else (d_type, readdir(3)).
    package let mayBeDirectory: Bool

    package var bytes: [UInt8] { name.dropLast().map { UInt8(bitPattern: $0) } }
}

extension OwnedDescriptor {
    /// The entries of this directory, at most `limit`, without `.` and `..`.
    package borrowing func entries(
        atMost limit: Int = .max, subject: String
    ) throws(SystemCallFailure) -> [DirectoryEntry] {
        // SAFETY: fdopendir owns the duplicate, and closedir closes it; names are copied.
        let directory = number
        let opened = fallible("fd.openat", .descriptor) {
            unsafe clinux_openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        let again = try check(opened, "openat", subject)
        guard let stream = unsafe fdopendir(again) else {
            _ = close(again)
            throw SystemCallFailure(call: "fdopendir", subject: subject, errno: errno)
        }
        defer { unsafe closedir(stream) }
        var found: [DirectoryEntry] = []
        var type: UInt8 = 0
        while found.count < limit,
            let entry = unsafe clinux_next_entry(UnsafeMutableRawPointer(stream), &type)
        {
            let name = unsafe Array(UnsafeBufferPointer(start: entry, count: strlen(entry) + 1))
            if name == [46, 0] || name == [46, 46, 0] { continue }
            let mayBe = type == UInt8(CLINUX_DT_DIR) || type == UInt8(CLINUX_DT_UNKNOWN)
            found.append(DirectoryEntry(name: name, mayBeDirectory: mayBe))
        }
        return found
    }

    /// Opens the directory of this name, as the base of other names.
    package borrowing func directory(
        _ name: [CChar], subject: @autoclosure () -> String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(name, O_DIRECTORY | clinux_o_path, subject())
    }

    /// Opens the file of this name for reading; opening a FIFO does not wait for a writer.
    package borrowing func file(
        _ name: [CChar], subject: @autoclosure () -> String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(name, O_RDONLY | O_NONBLOCK, subject())
    }

    /// Removes the mode bits that `mode` does not have.
    package borrowing func narrow(to mode: UInt32) throws(SystemCallFailure) {
        try check(clinux_narrow(number, mode), "fchmod", "descriptor \(number)")
    }

    /// Follows no link and crosses no mount (EXDEV).
    private borrowing func opening(
        _ name: [CChar], _ flags: CInt, _ subject: @autoclosure () -> String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let resolve = UInt64(
            CLINUX_RESOLVE_NO_XDEV | CLINUX_RESOLVE_NO_SYMLINKS | CLINUX_RESOLVE_BENEATH)
        let flags = UInt64(flags | O_NOFOLLOW | O_CLOEXEC)
        // SAFETY: `name` ends in NUL and lives for the call.
        let opened = unsafe clinux_openat2(number, name, flags, resolve)
        return OwnedDescriptor(adopting: try check(opened, "openat2", subject()))
    }

    /// The status of the file of this name; a link is not followed.
    package borrowing func status(
        of name: [CChar], subject: @autoclosure () -> String
    ) throws(SystemCallFailure) -> FileStatus {
        var found = stat()
        // SAFETY: `name` ends in NUL, and it and the structure live for the call.
        let result = unsafe fstatat(number, name, &found, AT_SYMLINK_NOFOLLOW)
        try check(result, "fstatat", subject())
        return FileStatus(found)
    }

    /// The target of the link of this name; `nil` if it is not a link.
    package borrowing func linkTarget(of name: [CChar]) -> [UInt8]? {
        readingLink { buffer in unsafe readlinkat(number, name, &buffer, buffer.count) }
    }
}

extension Files {
    /// A link's target, as bytes; `nil` if it is not a link. Reading a link of /proc does not touch
    /// its target.
    package static func linkTarget(_ path: String) -> [UInt8]? {
        readingLink { buffer in unsafe readlink(path, &buffer, buffer.count) }
    }
}

/// The bytes that `call` wrote, at most PATH_MAX.
private func readingLink(_ call: (inout [CChar]) -> Int) -> [UInt8]? {
    var target = [CChar](repeating: 0, count: 4096)
    // SAFETY: the callers' readlink(2) writes at most as many bytes as there are.
    let count = call(&target)
    return count < 0 ? nil : target.prefix(count).map { UInt8(bitPattern: $0) }
}
