// Why a layer is not unpacked, as a value of the result.

/// Why `staunch-layer` did not do what it was asked for.
package struct LayerRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// The problem's code. A new code needs a line in the daemon's table of problems.
    package enum Code: String, CaseIterable, Sendable {
        /// The layer asks for what no layer may have: a path out of it, a link to nothing.
        case layerRefused = "layer-refused"
        /// The bytes are no tar, or a compressed stream ends early.
        case layerDamaged = "layer-damaged"
        /// More bytes or entries than the limit.
        case layerTooLarge = "layer-too-large"
        /// The bytes are not the expected bytes.
        case digestMismatch = "digest-mismatch"
        /// The disk has no block or no inode left, or the quota is used up.
        case noSpace = "no-space"
        /// The host failed, for example with EIO or EROFS: the same layer may succeed later.
        case hostFailed = "host-failed"
    }

    package let code: Code
    /// The entry of the layer that it is about, escaped; empty if it is about the whole.
    package let entry: String
    /// One sentence for people, which does not repeat the entry.
    package let detail: String
    /// The name of the errno, such as `ENOSPC`; empty if no system call failed.
    package let errno: String

    package init(
        _ code: Code, _ detail: String, entry: some Sequence<UInt8> = [], errno: String = ""
    ) {
        self.code = code
        // A result is one page at most, whatever a layer calls its entries.
        var name = EscapedName(entry)
        if name.description.utf8.count > 1024 {
            name = EscapedName(Array(entry.prefix(250)) + Array("...".utf8))
        }
        self.entry = name.description
        self.detail =
            detail.utf8.count > 1024
            ? String(decoding: detail.utf8.prefix(1000), as: UTF8.self) + "..." : detail
        self.errno = errno
    }

    package var description: String {
        entry.isEmpty ? "\(code.rawValue): \(detail)" : "\(code.rawValue): \(entry): \(detail)"
    }
}
