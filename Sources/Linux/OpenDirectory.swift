// Files of a directory that is known by its descriptor alone, for helpers that have no path to it.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// Names are single components, and a link of that name is never followed. May block on the
/// directory's disk: only for helpers.
extension OwnedDescriptor {
    /// Opens a file for reading and writing; makes it if there is none.
    package borrowing func opening(file name: String) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(name, O_RDWR | O_CREAT, "fs.createat")
    }

    /// Opens a file that exists for reading; a FIFO does not wait for a writer.
    package borrowing func reading(file name: String) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(name, O_RDONLY | O_NONBLOCK, "fs.openat")
    }

    private borrowing func opening(
        _ name: String, _ flags: CInt, _ point: StaticString
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let directory = number
        // SAFETY: the C string lives for the call.
        let opened = effect(point, .storage) {
            unsafe clinux_openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        return OwnedDescriptor(adopting: try check(opened, "openat", name))
    }

    /// Renames a file inside the directory; replaces a file that has the new name.
    package borrowing func rename(
        file name: String, to newName: String
    ) throws(SystemCallFailure) {
        let directory = number
        // SAFETY: the C strings live for the call.
        let result = effect("fs.renameat", .storage) {
            unsafe renameat(directory, name, directory, newName)
        }
        try check(result, "renameat", newName)
    }

    /// Removes a file; `false` if there was none.
    @discardableResult
    package borrowing func remove(file name: String) throws(SystemCallFailure) -> Bool {
        let directory = number
        // SAFETY: the C string lives for the call.
        if effect("fs.unlinkat", .inputOutput, { unsafe unlinkat(directory, name, 0) }) == 0 {
            return true
        }
        if errno == ENOENT { return false }
        throw SystemCallFailure(call: "unlinkat", subject: name, errno: errno)
    }

    /// Writes `bytes` under the name `name`, so that a reader sees the old content or the new,
    /// never a part. If it fails, it leaves nothing of the new content.
    package borrowing func replace(
        file name: String, _ bytes: [UInt8]
    ) throws(SystemCallFailure) {
        let draft = name + ".new"
        do throws(SystemCallFailure) {
            let file = try opening(file: draft)
            try file.truncate(to: 0)
            try file.writeAll(bytes)
            try rename(file: draft, to: name)
        } catch {
            do throws(SystemCallFailure) { try remove(file: draft) } catch {}
            throw error
        }
    }

    /// Gives an open file or directory to a user (fchown(2)).
    package borrowing func give(to user: UserIdentity) throws(SystemCallFailure) {
        let number = self.number
        try check(
            effect("fs.fchown", .storage) { fchown(number, user.uid, user.gid) }, "fchown",
            "descriptor \(number)")
    }

    /// Sends SIGIO to this thread after each change of a name in the directory (fcntl(2),
    /// F_NOTIFY). Returns `false` if the kernel cannot.
    package borrowing func notifyOfNames() -> Bool { clinux_notify(number) == 0 }
}

extension OwnedDescriptor {
    /// Sets a file's size (ftruncate(2)).
    package borrowing func truncate(to bytes: Int64) throws(SystemCallFailure) {
        let number = self.number
        try check(
            effect("fd.truncate", .storage) { ftruncate(number, off_t(bytes)) }, "ftruncate",
            "descriptor \(number)")
    }

    /// Writes all of the bytes at a place of a file, without a copy.
    package borrowing func write(
        span bytes: Span<UInt8>, at place: Int64
    ) throws(SystemCallFailure) {
        let number = self.number
        var done = 0
        while done < bytes.count {
            // SAFETY: the bytes live for the call.
            let result = unsafe bytes.withUnsafeBytes { raw in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: raw[done...])
                return effect("fd.pwrite", [.noSpace, .inputOutput, .interrupted]) {
                    unsafe pwrite(number, rest.baseAddress, rest.count, off_t(place) + done)
                }
            }
            if result < 0 && errno == EINTR { continue }
            done += try check(result, "pwrite", "descriptor \(number)")
        }
    }
}
