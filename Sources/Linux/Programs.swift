// Files on the host that are not ours and are only read: a runtime, a profile.

import Bytes
import CLinux
import Glibc
package import Kernel

/// A program as it was found. Equal marks mean the same file with the same content.
package struct ProgramFile: Equatable, Sendable {
    package let path: String
    /// Device, inode, size and times of its content and its inode, as text.
    package let marks: String

    package init(path: String, marks: String) {
        self.path = path
        self.marks = marks
    }
}

extension Files {
    /// Finds a program by its path, or by its name in the first of `directories` that has it, as
    /// the shell searches PATH.
    package static func program(
        _ name: String, in directories: [String]
    ) throws(SystemCallFailure) -> ProgramFile {
        let places = name.has("/") ? [name] : directories.map { "\($0)/\(name)" }
        for place in places where isExecutable(place) { return try program(place) }
        guard name.has("/") else {
            throw SystemCallFailure(call: "find in PATH", subject: name, errno: ENOENT)
        }
        // SAFETY: the C string lives for the call.
        try check(unsafe access(name, X_OK), "execute", name)
        throw SystemCallFailure(call: "execute", subject: name, errno: EISDIR)
    }

    private static func program(_ path: String) throws(SystemCallFailure) -> ProgramFile {
        var found = stat()
        // SAFETY: the C string and the structure live for the call.
        try check(unsafe stat(path, &found), "stat", path)
        let numbers = [
            Int(found.st_dev), Int(found.st_ino), Int(found.st_size), found.st_mtim.tv_sec,
            found.st_mtim.tv_nsec, found.st_ctim.tv_sec, found.st_ctim.tv_nsec,
        ]
        return ProgramFile(path: path, marks: numbers.map(String.init).joined(separator: "."))
    }

    /// Reads a whole regular file of at most `limit` bytes; throws EFBIG if it is larger. Throws
    /// EINVAL for anything else, such as a FIFO, because reading it could block.
    package static func readRegular(
        _ path: String, limit: Int
    ) throws(SystemCallFailure) -> [UInt8] {
        let file = try OwnedDescriptor.opening(path, O_RDONLY | O_NONBLOCK)
        guard clinux_file_type(file.number) == CInt(CLINUX_IFREG) else {
            throw SystemCallFailure(call: "read", subject: path, errno: EINVAL)
        }
        let content = try file.readAll(limit: limit + 1)
        guard content.count <= limit else {
            throw SystemCallFailure(call: "read", subject: path, errno: EFBIG)
        }
        return content
    }
}
