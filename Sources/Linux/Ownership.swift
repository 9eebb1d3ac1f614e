// The owner of a directory, if several daemons run on one host.
//
// Pods outlive their daemon, so a lock cannot show the owner: an attribute of the directory does.

import Bytes
import CLinux
import Glibc
package import Kernel

package enum Ownership {
    /// In the `trusted` namespace, which only CAP_SYS_ADMIN can write (xattr(7)). overlay and
    /// cgroupfs support it.
    private static let attribute = "trusted.staunch.run-dir"

    /// Claims `directory` for the daemon of `runDirectory`. Returns `nil` if that daemon owns it
    /// now, otherwise the owner's run directory. An owner without a store has no pods, so it loses
    /// the directory. A missing directory, or a file system without attributes, is no obstacle.
    package static func claim(
        _ directory: String, for runDirectory: String
    ) throws(SystemCallFailure) -> String? {
        if let owner = try owner(of: directory) {
            if owner.isSame(as: runDirectory) { return nil }
            // Older daemons stored the path as it was given to them, including links.
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
