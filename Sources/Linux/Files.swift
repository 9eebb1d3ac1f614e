// Small files and directories, on file systems that cannot block (tmpfs, procfs, cgroupfs), or in
// helpers, which may block.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

package enum Files {
    /// The whole of a small file, at most `limit` bytes.
    package static func read(
        _ path: String, limit: Int = 65536
    ) throws(SystemCallFailure) -> [UInt8] {
        // A FIFO reads as empty, and the open does not wait for a writer (fifo(7)).
        try OwnedDescriptor.opening(path, O_RDONLY | O_NONBLOCK).readAll(limit: limit)
    }

    /// The whole of a small text file.
    package static func text(
        _ path: String, limit: Int = 65536
    ) throws(SystemCallFailure) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// Makes a directory the working directory of the process, which has one thread (chdir(2)).
    /// Returns `false` if that fails.
    package static func enter(_ directory: String) -> Bool {
        // SAFETY: the C string lives for the call.
        unsafe chdir(directory) == 0
    }

    /// Writes into an existing file in one call, as cgroupfs requires.
    package static func writeControlFile(_ path: String, _ text: String) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_WRONLY)
        do { _ = try file.write(Array(text.utf8)[...]) } catch {
            throw SystemCallFailure(call: error.call, subject: path, errno: error.errno)
        }
    }

    /// Writes `bytes` to `path` so that a reader sees the old content or the new, never a part. If
    /// it fails, it removes its draft, because others may need that space. The umask counts only if
    /// `isMasked`.
    package static func replace(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600, isMasked: Bool = true
    ) throws(SystemCallFailure) {
        let draft = path + ".new"
        do throws(SystemCallFailure) {
            try write(bytes, into: draft, mode, O_TRUNC)
            if !isMasked { try setMode(draft, mode) }
            try rename(draft, to: path)
        } catch {
            ignoring("the next one writes over it") { () throws(SystemCallFailure) in
                try removeFile(draft)
            }
            throw error
        }
    }

    /// Writes a user's file: replaces a regular file, also through a link, and writes into anything
    /// else (a device, a pipe).
    package static func deliver(
        _ bytes: [UInt8], to path: String, mode: UInt32
    ) throws(SystemCallFailure) {
        let found: OwnedDescriptor
        do { found = try OwnedDescriptor.path(path) } catch {
            // Nothing exists there, but `path` may be a link to the future file.
            guard error.errno == ENOENT else { throw error }
            return try exists(path)
                ? write(bytes, into: path, mode) : replace(path, bytes, mode: mode)
        }
        let type = clinux_file_type(found.number)
        let real = linkTarget("/proc/self/fd/\(found.number)")
        guard type == CInt(CLINUX_IFREG), let real else {
            return try write(bytes, into: path, mode)
        }
        try replace(String(decoding: real, as: UTF8.self), bytes, mode: mode)
    }

    private static func write(
        _ bytes: [UInt8], into path: String, _ mode: UInt32, _ flags: CInt = 0
    ) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_WRONLY | O_CREAT | flags, mode: mode)
        try file.writeAll(bytes)
    }

    /// Renames a file; replaces a file that has that name already.
    package static func rename(_ path: String, to name: String) throws(SystemCallFailure) {
        // SAFETY: both C strings live for the call.
        try check(
            effect("fs.rename", .storage) { unsafe Glibc.rename(path, name) }, "rename", name)
    }

    /// Creates a symbolic link at `path`.
    package static func link(_ path: String, to target: String) throws(SystemCallFailure) {
        // SAFETY: both C strings live for the call.
        try check(
            effect("fs.symlink", .storage) { unsafe symlink(target, path) }, "symlink", path)
    }

    /// Creates a file of `bytes` bytes with allocated space; creates none if that fails
    /// (posix_fallocate(3)).
    package static func allocate(_ path: String, bytes: Int64) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_WRONLY | O_CREAT, mode: 0o600)
        let result = posix_fallocate(file.number, 0, off_t(bytes))
        guard result != 0 else { return }
        try removeFile(path)
        throw SystemCallFailure(call: "posix_fallocate", subject: path, errno: result)
    }

    /// Creates a directory with this mode, regardless of the umask unless `isMasked`. An existing
    /// directory is no failure.
    package static func makeDirectory(
        _ path: String, mode: UInt32 = 0o700, isMasked: Bool = false
    ) throws(SystemCallFailure) {
        // SAFETY: the C string lives for the call.
        if effect("fs.mkdir", .storage, { unsafe mkdir(path, mode) }) < 0 {
            if errno != EEXIST { try check(-1, "mkdir", path) }
        } else if mode & 0o077 != 0, !isMasked {
            try setMode(path, mode)
        }
    }

    /// The process that holds a record lock on a file (fcntl(2), F_GETLK); `nil` if there is none,
    /// or if it is in another PID namespace.
    package static func lockHolder(_ path: String) -> Int32? {
        do throws(SystemCallFailure) {
            let file = try OwnedDescriptor.opening(path, O_RDWR)
            let pid = clinux_lock_holder(file.number)
            return pid > 0 ? pid : nil
        } catch { return nil }
    }

    /// chmod(2).
    private static func setMode(_ path: String, _ mode: UInt32) throws(SystemCallFailure) {
        // SAFETY: the C string lives for the call.
        try check(unsafe chmod(path, mode), "chmod", path)
    }

    /// Removes the mode bits that `mode` does not have. A link is not followed; a file that cannot
    /// be opened (a socket) is left.
    package static func narrow(_ path: String, to mode: UInt32) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        try file.narrow(to: mode)
    }

    /// Creates a directory and its missing parents.
    package static func makeDirectories(
        _ path: String, mode: UInt32 = 0o700, isMasked: Bool = false
    ) throws(SystemCallFailure) {
        do { try makeDirectory(path, mode: mode, isMasked: isMasked) } catch {
            guard error.errno == ENOENT, let parent = parent(of: path) else { throw error }
            try makeDirectories(parent, mode: mode, isMasked: isMasked)
            try makeDirectory(path, mode: mode, isMasked: isMasked)
        }
    }

    /// Removes a file; `false` if there was none.
    @discardableResult
    package static func removeFile(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        if effect("fs.unlink", .inputOutput, { unsafe unlink(path) }) == 0 { return true }
        if errno == ENOENT { return false }
        let failure = SystemCallFailure(call: "unlink", subject: path, errno: errno)
        // On a read-only file system the kernel returns EROFS for any name, even if it does not
        // exist.
        if failure.errno == EROFS {
            guard try exists(path) else { return false }
        }
        throw failure
    }

    /// Removes an empty directory; `false` if there was none.
    @discardableResult
    package static func removeDirectory(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        if effect("fs.rmdir", .inputOutput, { unsafe rmdir(path) }) == 0 { return true }
        if errno == ENOENT { return false }
        throw SystemCallFailure(call: "rmdir", subject: path, errno: errno)
    }

    /// Whether a file has this name; a link is not followed.
    package static func exists(_ path: String) throws(SystemCallFailure) -> Bool {
        try status(path) != nil
    }

    /// Whether a file has this path; follows links.
    package static func isThere(_ path: String) throws(SystemCallFailure) -> Bool {
        do throws(SystemCallFailure) {
            _ = try isDirectory(path)
            return true
        } catch {
            guard error.errno == ENOENT else { throw error }
            return false
        }
    }

    /// Whether a directory has this path; follows links. Throws stat(2)'s failures, ENOENT too.
    package static func isDirectory(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        let result = fallible("fs.stat", .inputOutput) { unsafe clinux_is_directory(path) }
        return try check(result, "stat", path) == 1
    }

    /// The names in a directory, unsorted, without `.` and `..`; empty if the directory does not
    /// exist.
    package static func names(in path: String) throws(SystemCallFailure) -> [String] {
        try entries(of: path) { _ in true }
    }

    /// The same for directories only, on file systems that report d_type (readdir(3)).
    package static func directories(in path: String) throws(SystemCallFailure) -> [String] {
        try entries(of: path) { $0 == UInt8(CLINUX_DT_DIR) }
    }

    private static func entries(
        of path: String, where isMeant: (UInt8) -> Bool
    ) throws(SystemCallFailure) -> [String] {
        // SAFETY: the stream is closed below, and each entry's name is copied before the next.
        guard fallible("fd.opendir", .descriptor, { CInt(0) }) == 0,
            let stream = unsafe clinux_open_directory(path).map({ OpaquePointer($0) })
        else {
            if errno == ENOENT { return [] }
            throw SystemCallFailure(call: "opendir", subject: path, errno: errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        var type: UInt8 = 0
        while let entry = unsafe clinux_next_entry(UnsafeMutableRawPointer(stream), &type) {
            let name = unsafe String(cString: entry)
            if name != "." && name != ".." && isMeant(type) { names.append(name) }
        }
        return names
    }

    /// Sets the owner and the mode of `to` to those of the open file `from`.
    package static func copyOwnership(
        from: borrowing OwnedDescriptor, to: String
    ) throws(SystemCallFailure) {
        let number = from.number
        // SAFETY: the C string lives for the call.
        try check(
            effect("fs.chown", .storage) { unsafe clinux_copy_ownership(number, to) }, "chown", to)
    }

    /// Opens `path` for reading as if `root` were the root directory: neither `..` nor any link
    /// leads out of it (openat2(2), RESOLVE_IN_ROOT).
    package static func opening(
        _ path: String, inRoot root: String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let directory = try OwnedDescriptor.directory(root)
        let resolve = UInt64(CLINUX_RESOLVE_IN_ROOT | CLINUX_RESOLVE_NO_MAGICLINKS)
        let flags = UInt64(O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        // SAFETY: the C string lives for the call.
        let number = fallible("fd.openin", .descriptor) {
            unsafe clinux_openat2(directory.number, path, flags, resolve)
        }
        return OwnedDescriptor(adopting: try check(number, "openat2", "\(root)/\(path)"))
    }

    /// The path without its last component; `nil` at the root, or for a bare name.
    package static func parent(of path: String) -> String? {
        guard let parent = path.cutAtLast("/")?.before, !parent.isEmpty else { return nil }
        return parent
    }
}
