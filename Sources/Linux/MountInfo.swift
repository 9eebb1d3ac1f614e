// The mounts of a mount namespace, as /proc/<pid>/mountinfo tells them (proc(5)).

import Bytes

/// One line of mountinfo.
package struct MountInfo: Sendable {
    package let id: String
    /// The number of the mount that it stands on.
    package let parentID: String
    /// `major:minor`.
    package let device: String
    /// The directory of the file system that is mounted.
    package let root: String
    package let mountPoint: String
    package let type: String
    package let superOptions: String

    /// The mounts of the caller's namespace.
    package static func current() throws(SystemCallFailure) -> [MountInfo] {
        try of("self")
    }

    /// The mounts that `process` (a pid, or `self`) sees.
    package static func of(_ process: String) throws(SystemCallFailure) -> [MountInfo] {
        let text = try Files.text("/proc/\(process)/mountinfo", limit: 16 << 20)
        return text.utf8.split(separator: UInt8(ascii: "\n"))
            .compactMap { MountInfo(line: Substring($0)) }
    }

    /// `36 35 98:0 /root /mountpoint options [optional …] - type source superoptions`
    package init?(line: Substring) {
        // By bytes: taken as characters, a name could swallow the space beside it.
        let fields = line.fields(" ")
        guard fields.count >= 9, let dash = fields.firstIndex(where: { $0 == "-" }),
            dash + 3 < fields.count
        else { return nil }
        id = fields[0]
        parentID = fields[1]
        device = fields[2]
        root = MountInfo.unescaped(fields[3])
        mountPoint = MountInfo.unescaped(fields[4])
        type = fields[dash + 1]
        superOptions = fields[dash + 3]
    }

    /// Space, tab, newline and backslash stand as three octal digits.
    private static func unescaped(_ field: String) -> String {
        guard field.has("\\") else { return field }
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.first {
            let digits = rest.dropFirst().prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
