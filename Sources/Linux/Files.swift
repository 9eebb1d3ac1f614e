// Small files and directories, on file systems that cannot block (tmpfs, procfs, cgroupfs), or in
// helpers that may.

import Bytes
import CLinux
import Failpoints
import Glibc

package enum Files {
    /// The whole of a small file, at most `limit` bytes.
    package static func read(
        _ path: String, limit: Int = 65536
    ) throws(SystemCallFailure) -> [UInt8] {
        try OwnedDescriptor.opening(path, O_RDONLY).readAll(limit: limit)
    }

    /// The whole of a small text file.
    package static func text(
        _ path: String, limit: Int = 65536
    ) throws(SystemCallFailure) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// Writes into a file that exists, in one call, as cgroupfs wants it.
    package static func writeControlFile(_ path: String, _ text: String) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_WRONLY)
        do { _ = try file.write(Array(text.utf8)[...]) } catch {
            throw SystemCallFailure(call: error.call, subject: path, errno: error.errno)
        }
    }

    /// Puts `bytes` at `path` so that a reader sees the old content or the new, and never a part.
    /// If it cannot, nothing of it is left: half of it may be all the room that others need.
    package static func replace(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600
    ) throws(SystemCallFailure) {
        let draft = path + ".new"
        do throws(SystemCallFailure) {
            try write(bytes, into: draft, mode, O_TRUNC)
            try rename(draft, to: path)
        } catch {
            ignoring("the next one writes over it") { () throws(SystemCallFailure) in
                try removeFile(draft)
            }
            throw error
        }
    }

    /// Puts `bytes` where a user wants them: a regular file is replaced, through a link as well,
    /// and whatever else is there (a device, a pipe) is written into.
    package static func deliver(
        _ bytes: [UInt8], to path: String, mode: UInt32
    ) throws(SystemCallFailure) {
        let found: OwnedDescriptor
        do { found = try OwnedDescriptor.path(path) } catch {
            // Nothing is there, but perhaps a link to where it is to be.
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

    /// Gives a file another name; one that has that name already goes.
    package static func rename(_ path: String, to name: String) throws(SystemCallFailure) {
        // SAFETY: both C strings live for the call.
        try check(
            effect("fs.rename", .storage) { unsafe Glibc.rename(path, name) }, "rename", name)
    }

    /// Makes a file of so many bytes that the file system has set aside; none where it cannot
    /// (posix_fallocate(3)).
    package static func allocate(_ path: String, bytes: Int64) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_WRONLY | O_CREAT, mode: 0o600)
        let result = posix_fallocate(file.number, 0, off_t(bytes))
        guard result != 0 else { return }
        try removeFile(path)
        throw SystemCallFailure(call: "posix_fallocate", subject: path, errno: result)
    }

    /// Makes a directory with this mode, whatever the umask unless `isMasked`; one that is there
    /// already will do.
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

    /// The process that has a record lock on a file (fcntl(2), F_GETLK); `nil` if none has, or if
    /// it is in another PID namespace.
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

    /// Takes from a file or a directory what `mode` does not give; a link is not followed, and what
    /// cannot be opened (a socket) is left.
    package static func narrow(_ path: String, to mode: UInt32) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        try file.narrow(to: mode)
    }

    /// Makes a directory and those above it that are missing.
    package static func makeDirectories(
        _ path: String, mode: UInt32 = 0o700, isMasked: Bool = false
    ) throws(SystemCallFailure) {
        do { try makeDirectory(path, mode: mode, isMasked: isMasked) } catch {
            guard error.errno == ENOENT, let parent = parent(of: path) else { throw error }
            try makeDirectories(parent, mode: mode, isMasked: isMasked)
            try makeDirectory(path, mode: mode, isMasked: isMasked)
        }
    }

    /// `false` where there was nothing to remove.
    @discardableResult
    package static func removeFile(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        if effect("fs.unlink", .inputOutput, { unsafe unlink(path) }) == 0 { return true }
        if errno == ENOENT { return false }
        let failure = SystemCallFailure(call: "unlink", subject: path, errno: errno)
        // On what is read-only the kernel says so of any name, whether it is there or not.
        if failure.errno == EROFS {
            guard try exists(path) else { return false }
        }
        throw failure
    }

    /// Removes an empty directory; `false` where there was none.
    @discardableResult
    package static func removeDirectory(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        if effect("fs.rmdir", .inputOutput, { unsafe rmdir(path) }) == 0 { return true }
        if errno == ENOENT { return false }
        throw SystemCallFailure(call: "rmdir", subject: path, errno: errno)
    }

    /// Whether anything has this name; a link counts as itself.
    package static func exists(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string and the structure live for the call.
        var found = stat()
        let result = fallible("fs.lstat", .inputOutput) { unsafe lstat(path, &found) }
        if result == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw SystemCallFailure(call: "lstat", subject: path, errno: errno)
    }

    /// Whether a directory is there, a link followed. Throws what stat(2) says, ENOENT too.
    package static func isDirectory(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        let result = fallible("fs.stat", .inputOutput) { unsafe clinux_is_directory(path) }
        return try check(result, "stat", path) == 1
    }

    /// The names in a directory, unsorted, without `.` and `..`; empty where there is none.
    package static func names(in path: String) throws(SystemCallFailure) -> [String] {
        try entries(of: path) { _ in true }
    }

    /// The same for directories alone, on file systems that say what is one (d_type, readdir(3)).
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

    /// Gives `to` the owner and the mode of the open file `from`.
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
