// The path of an entry, made safe: relative, without `.` and `..`, and no longer than the kernel
// takes. Paths are bytes.

import Archive

struct EntryPath: Equatable {
    /// The significant components, joined by `/`; empty for the root.
    let bytes: [UInt8]
    /// Where the last component begins.
    private let base: Int

    /// NAME_MAX and PATH_MAX without its NUL (limits.h).
    private static let (longestName, longestPath) = (255, 4095)

    init(_ raw: [UInt8]) throws(TreeFailure) {
        var bytes: [UInt8] = []
        var base = 0
        for name in raw.split(separator: slash) where !name.elementsEqual([dot]) {
            guard !name.elementsEqual([dot, dot]) else { throw .refused("'..' in its path") }
            guard name.count <= EntryPath.longestName else {
                throw .refused("a name of more than \(EntryPath.longestName) bytes")
            }
            if !bytes.isEmpty { bytes.append(slash) }
            base = bytes.count
            bytes += name
        }
        guard bytes.count <= EntryPath.longestPath else {
            throw .refused("a path of more than \(EntryPath.longestPath) bytes")
        }
        self.bytes = bytes
        self.base = base
    }

    var isRoot: Bool { bytes.isEmpty }
    /// The last component.
    var name: [UInt8] { Array(bytes[base...]) }
    /// The path before the last component; empty if that is the root.
    var parent: [UInt8] { Array(bytes[..<max(0, base - 1)]) }
    /// The components before the last.
    var ancestors: [ArraySlice<UInt8>] { parent.split(separator: slash) }
}

let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))

extension [UInt8] {
    /// With the NUL that ends it for the kernel.
    var terminated: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}
