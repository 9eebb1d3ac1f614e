// SHA-256 by nettle, which libarchive is linked with, too.

import CNettle

/// A SHA-256 under way.
package struct SHA256: ~Copyable {
    private var context = sha256_ctx()

    package init() {
        // SAFETY: the structure lives for the call.
        unsafe nettle_sha256_init(&context)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        // SAFETY: nettle reads as many bytes as the buffer has, during the call.
        unsafe nettle_sha256_update(
            &context, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }

    package mutating func add(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe add($0) }
    }

    /// The digest of everything so far, of 32 bytes; begins anew.
    package mutating func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        // SAFETY: the array has the 32 bytes that are written.
        unsafe nettle_sha256_digest(&context, 32, &digest)
        return digest
    }
}
