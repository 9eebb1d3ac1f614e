// Device special files (mknod(2)).

import CLinux
import Glibc
package import Kernel

/// A device, as its file names it.
package struct DeviceFile: Sendable {
    package let isBlock: Bool
    package let major: UInt32
    package let minor: UInt32
    /// The permission bits.
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32

    /// Follows links; `nil` if the file is not a device.
    package init?(following path: String) throws(SystemCallFailure) {
        var found = stat()
        // SAFETY: the C string and the structure live for the call.
        try check(unsafe stat(path, &found), "stat", path)
        self.init(found)
    }

    /// Does not follow a link; `nil` if the file is not a device.
    package init?(at path: String) throws(SystemCallFailure) {
        self.init(try DeviceFile.status(path))
    }

    private init?(_ found: stat) {
        switch found.st_mode & S_IFMT {
        case S_IFBLK: isBlock = true
        case S_IFCHR: isBlock = false
        case _: return nil
        }
        // makedev(3): glibc's and the kernel's form of the number.
        let number = UInt64(found.st_rdev)
        major = UInt32((number >> 8) & 0xfff | (number >> 32) & 0xffff_f000)
        minor = UInt32(number & 0xff | (number >> 12) & 0xffff_ff00)
        mode = found.st_mode & 0o7777
        owner = found.st_uid
        group = found.st_gid
    }

    /// The number of the file system that contains the file.
    package static func fileSystem(of path: String) throws(SystemCallFailure) -> UInt64 {
        UInt64(try status(path).st_dev)
    }

    /// Whether it is a directory on this file system; a link is not followed.
    package static func isDirectory(
        _ path: String, on fileSystem: UInt64
    ) throws(SystemCallFailure) -> Bool {
        let found = try status(path)
        return found.st_mode & S_IFMT == S_IFDIR && UInt64(found.st_dev) == fileSystem
    }

    private static func status(_ path: String) throws(SystemCallFailure) -> stat {
        var found = stat()
        // SAFETY: the C string and the structure live for the call.
        try check(unsafe lstat(path, &found), "lstat", path)
        return found
    }
}
