// The mounts of a mount namespace, from /proc/<pid>/mountinfo (proc(5)).

import Bytes
package import Kernel

/// One line of mountinfo. Rarely used fields are decoded on demand.
package struct MountInfo: Sendable {
    package let mountPoint: String
    /// The kernel's bytes: a name need not be UTF-8.
    package let mountPointBytes: [UInt8]
    private let fields: [ArraySlice<UInt8>]
    /// The index of the field that ends the optional ones.
    private let dash: Int

    package var id: String { MountInfo.text(fields[0]) }
    /// The id of the mount on which it is mounted.
    package var parentID: String { MountInfo.text(fields[1]) }
    /// `major:minor`.
    package var device: String { MountInfo.text(fields[2]) }
    /// The directory of the file system that is mounted.
    package var root: String { MountInfo.text(MountInfo.unescaped(fields[3])[...]) }
    package var type: String { MountInfo.text(fields[dash + 1]) }
    /// Whether it propagates to peers and from them (mount_namespaces(7)).
    package var isShared: Bool {
        fields[6..<dash].contains { MountInfo.text($0).begins(with: "shared:") }
    }
    package var superOptions: String { MountInfo.text(fields[dash + 3]) }

    /// The mount of an open file, in the caller's namespace; `nil` if it is not there any more.
    package static func of(
        _ file: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> MountInfo? {
        let text = try Files.read("/proc/self/fdinfo/\(file.number)", limit: 1 << 16)
        let lines = String(decoding: text, as: UTF8.self).fields("\n")
        guard let id = lines.lazy.compactMap({ $0.after("mnt_id:\t") }).first else { return nil }
        return try current().first { $0.id.isSame(as: id) }
    }

    /// The mounts of the caller's namespace.
    package static func current() throws(SystemCallFailure) -> [MountInfo] {
        try of("self")
    }

    /// The mounts in the namespace of `process` (a pid, or `self`).
    package static func of(_ process: String) throws(SystemCallFailure) -> [MountInfo] {
        let text = try Files.read("/proc/\(process)/mountinfo", limit: 16 << 20)
        return text.split(separator: UInt8(ascii: "\n")).compactMap { MountInfo(bytes: $0) }
    }

    /// `36 35 98:0 /root /mountpoint options [optional …] - type source superoptions`
    package init?(line: Substring) { self.init(bytes: Array(line.utf8)[...]) }

    private init?(bytes: ArraySlice<UInt8>) {
        let fields = bytes.split(separator: UInt8(ascii: " "))
        let dash = fields.firstIndex { $0.count == 1 && $0.first == UInt8(ascii: "-") }
        guard fields.count >= 9, let dash, dash + 3 < fields.count else { return nil }
        self.fields = fields
        self.dash = dash
        mountPointBytes = MountInfo.unescaped(fields[4])
        mountPoint = MountInfo.text(mountPointBytes[...])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Decodes space, tab, newline and backslash, which are escaped as three octal digits.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
        guard field.index(ofFirst: UInt8(ascii: "\\")) != nil else { return Array(field) }
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
