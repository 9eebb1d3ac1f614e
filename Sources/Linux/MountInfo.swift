// The mounts of a mount namespace, as /proc/<pid>/mountinfo tells them (proc(5)).

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
    /// The same as the kernel has it: a name need not be UTF-8.
    package let mountPointBytes: [UInt8]
    package let type: String
    package let superOptions: String

    /// The mounts of the caller's namespace.
    package static func current() throws(SystemCallFailure) -> [MountInfo] {
        try of("self")
    }

    /// The mounts that `process` (a pid, or `self`) sees.
    package static func of(_ process: String) throws(SystemCallFailure) -> [MountInfo] {
        let text = try Files.read("/proc/\(process)/mountinfo", limit: 16 << 20)
        return text.split(separator: UInt8(ascii: "\n")).compactMap { MountInfo(bytes: $0) }
    }

    /// `36 35 98:0 /root /mountpoint options [optional …] - type source superoptions`
    package init?(line: Substring) { self.init(bytes: Array(line.utf8)[...]) }

    private init?(bytes: ArraySlice<UInt8>) {
        let fields = bytes.split(separator: UInt8(ascii: " "))
        let dash = fields.firstIndex { $0.elementsEqual("-".utf8) }
        guard fields.count >= 9, let dash, dash + 3 < fields.count else { return nil }
        func text(_ bytes: some Collection<UInt8>) -> String {
            String(decoding: bytes, as: UTF8.self)
        }
        id = text(fields[0])
        parentID = text(fields[1])
        device = text(fields[2])
        root = text(MountInfo.unescaped(fields[3]))
        mountPointBytes = MountInfo.unescaped(fields[4])
        mountPoint = text(mountPointBytes)
        type = text(fields[dash + 1])
        superOptions = text(fields[dash + 3])
    }

    /// Space, tab, newline and backslash stand as three octal digits.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
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
