// Whose a directory is, where daemons stand side by side.
//
// Pods outlive their daemon, so no lock can say it: an attribute of the directory does.

import Bytes
import CLinux
import Glibc

package enum Ownership {
    /// In the namespace that only CAP_SYS_ADMIN can write (xattr(7)); overlay's own file systems
    /// and cgroupfs have it.
    private static let attribute = "trusted.staunch.run-dir"

    /// Claims `directory` for the daemon of `runDirectory`; `nil` where it is that daemon's now,
    /// and else the run directory of the daemon whose it is. One that has no store any more has no
    /// pods either. A file system without attributes, or no such directory, stands in nobody's way.
    package static func claim(
        _ directory: String, for runDirectory: String
    ) throws(SystemCallFailure) -> String? {
        if let owner = try owner(of: directory) {
            if owner.isSame(as: runDirectory) { return nil }
            // Daemons from before wrote it as it was named to them, links and all.
            let isOwn = Path.real(owner)?.isSame(as: runDirectory) ?? false
            let hasStore = try Files.exists(owner + "/staunch.db")
            if hasStore && !isOwn { return owner }
        }
        // SAFETY: the C strings live for the call.
        let result = unsafe clinux_set_attribute(directory, attribute, runDirectory)
        if result < 0 && ![ENOTSUP, ENOENT].contains(errno) {
            try check(result, "setxattr", directory)
        }
        return nil
    }

    private static func owner(of directory: String) throws(SystemCallFailure) -> String? {
        var value = [CChar](repeating: 0, count: 4096)
        // SAFETY: at most as many bytes are written as there are.
        let count = unsafe clinux_get_attribute(directory, attribute, &value, value.count)
        if count < 0 && [ENODATA, ENOTSUP, ENOENT].contains(errno) { return nil }
        try check(count, "getxattr", directory)
        return String(decoding: value.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
