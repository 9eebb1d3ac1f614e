// What stat(2) tells of a file.

import Failpoints
import Glibc
package import Kernel

/// A file, whatever its name. The kernel may give both numbers to another file after its end.
package struct FileIdentity: Equatable, Sendable {
    package let device: UInt64
    package let inode: UInt64
}

/// The result of stat(2).
package struct FileStatus: Sendable {
    package enum Kind: String, Sendable { case file, directory, link, other }

    package let identity: FileIdentity
    package let kind: Kind
    /// How many names the file has.
    package let links: Int
    /// Bytes.
    package let size: Int
    /// The permission bits only.
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32
    /// Nanoseconds since 1970.
    package let modified: Int64
    /// Bytes on the disk.
    package let allocated: Int64
    /// Whether it is a character device 0/0, by which an overlay's layer hides a file of the layers
    /// below (overlayfs, "whiteouts and opaque directories").
    package let isWhiteout: Bool

    init(_ found: stat) {
        identity = FileIdentity(device: UInt64(found.st_dev), inode: UInt64(found.st_ino))
        switch found.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .link
        default: kind = .other
        }
        links = Int(found.st_nlink)
        size = Int(found.st_size)
        mode = found.st_mode & 0o7777
        owner = found.st_uid
        group = found.st_gid
        allocated = Int64(found.st_blocks) * 512
        isWhiteout = found.st_mode & S_IFMT == S_IFCHR && found.st_rdev == 0
        modified = Int64(found.st_mtim.tv_sec) * 1_000_000_000 + Int64(found.st_mtim.tv_nsec)
    }
}

extension OwnedDescriptor {
    package borrowing func status() throws(SystemCallFailure) -> FileStatus {
        let number = self.number
        var found = stat()
        // SAFETY: the structure lives for the call.
        let result = fallible("fs.fstat", .inputOutput) { unsafe fstat(number, &found) }
        try check(result, "fstat", "descriptor \(number)")
        return FileStatus(found)
    }
}

extension Files {
    /// The status of the file with this name; a link is not followed. `nil` if there is none.
    package static func status(_ path: String) throws(SystemCallFailure) -> FileStatus? {
        // SAFETY: the C string and the structure live for the call.
        var found = stat()
        let result = fallible("fs.lstat", .inputOutput) { unsafe lstat(path, &found) }
        if result == 0 { return FileStatus(found) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemCallFailure(call: "lstat", subject: path, errno: errno)
    }
}
