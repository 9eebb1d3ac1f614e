// An entry of a tar, as the header has it.

/// A path and a target are bytes: they need not be UTF-8, and nothing of them is checked.
package struct TarItem: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case file
        case directory
        case link(target: [UInt8])
        /// One more name of an earlier entry.
        case hardLink(target: [UInt8])
        /// `type` is S_IFCHR or S_IFBLK.
        case device(type: UInt32, number: UInt64)
        case fifo
        /// A type of libarchive's that no tar has.
        case other
    }

    /// An extended attribute.
    package struct Attribute: Equatable, Sendable {
        /// Without NUL.
        package let name: [UInt8]
        package let value: [UInt8]
    }

    package let kind: Kind
    package let path: [UInt8]
    /// The permission bits, with the set-id bits and the sticky bit.
    package let mode: UInt32
    package let owner: Int64
    package let group: Int64
    /// The time of modification: seconds since 1970.
    package let seconds: Int64
    package let nanoseconds: Int
    /// Bytes of the file, with its holes.
    package let size: Int64
    /// In the order of the tar.
    package let attributes: [Attribute]
}
