// Extended attributes of an open file (xattr(7)). Their names are bytes that end with NUL.

import CLinux
import Failpoints
import Glibc
package import Kernel

extension OwnedDescriptor {
    package borrowing func setAttribute(
        _ name: [CChar], _ value: [UInt8]
    ) throws(SystemCallFailure) {
        let number = self.number
        // SAFETY: the name ends in NUL, and it and the value live for the call.
        let result = unsafe value.withUnsafeBytes { value in
            effect("tree.setxattr", .storage) {
                unsafe clinux_set_file_attribute(number, name, value.baseAddress, value.count)
            }
        }
        try check(result, "fsetxattr", "")
    }

    /// Removes an attribute; a missing attribute, or a file system without any, is no failure.
    package borrowing func removeAttribute(_ name: [CChar]) throws(SystemCallFailure) {
        // SAFETY: the name ends in NUL and lives for the call.
        let result = unsafe clinux_remove_file_attribute(number, name)
        if result < 0 && (errno == ENODATA || errno == ENOTSUP) { return }
        try check(result, "fremovexattr", "")
    }

    /// The attribute's value; `nil` if the file has none of that name.
    package borrowing func attribute(_ name: [CChar]) throws(SystemCallFailure) -> [UInt8]? {
        let number = self.number
        var failure: CInt = 0
        // 64 KiB is the kernel's limit of a value.
        let value = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            // SAFETY: at most as many bytes are written as the buffer has, and only those count.
            let size = unsafe clinux_get_file_attribute(
                number, name, buffer.baseAddress, buffer.count)
            failure = size < 0 ? errno : 0
            count = max(0, size)
        }
        if failure == 0 { return value }
        if failure == ENODATA || failure == ENOTSUP { return nil }
        throw SystemCallFailure(call: "fgetxattr", subject: "", errno: failure)
    }

    /// The names of the attributes, without NUL; empty if the file system has none.
    package borrowing func attributeNames() throws(SystemCallFailure) -> [[UInt8]] {
        let number = self.number
        var failure: CInt = 0
        // 64 KiB is the kernel's limit of a list.
        let list = unsafe [CChar](unsafeUninitializedCapacity: 65536) { buffer, count in
            // SAFETY: at most as many bytes are written as the buffer has, and only those count.
            let size = unsafe clinux_list_file_attributes(
                number, buffer.baseAddress, buffer.count)
            failure = size < 0 ? errno : 0
            count = max(0, size)
        }
        if failure == ENOTSUP { return [] }
        guard failure == 0 else {
            throw SystemCallFailure(call: "flistxattr", subject: "", errno: failure)
        }
        return list.split(separator: 0).map { $0.map { UInt8(bitPattern: $0) } }
    }

    /// Whether the file system has a free block and a free inode.
    package borrowing func hasSpace() throws(SystemCallFailure) -> Bool {
        try check(clinux_has_space(number), "fstatfs", "") == 1
    }

    /// Writes everything of the descriptor's file system to its disk (syncfs(2)).
    package borrowing func syncFileSystem() throws(SystemCallFailure) {
        try check(
            effect("fs.sync", .inputOutput) { clinux_sync_filesystem(number) }, "syncfs", "")
    }
}
