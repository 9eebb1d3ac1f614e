// sha256 by nettle. Its functions are macros in C; these are the names behind them.

import CNettle
package import Images

/// The sha256 of bytes that come piece by piece (FIPS 180-4).
package struct SHA256 {
    private var context = sha256_ctx()

    package init() {
        // SAFETY: the structure lives for the call.
        unsafe nettle_sha256_init(&context)
    }

    package mutating func update(_ bytes: Span<UInt8>) {
        // SAFETY: the bytes live for the call.
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // SAFETY: nettle reads as many bytes as the buffer has, during the call.
        unsafe nettle_sha256_update(
            &context, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }

    /// The digest of everything so far. More may follow.
    package var digest: Digest {
        var copy = context
        var bytes = [UInt8](repeating: 0, count: 32)
        // SAFETY: the array has the 32 bytes that are written.
        unsafe nettle_sha256_digest(&copy, 32, &bytes)
        guard let digest = Digest(bytes: bytes) else { preconditionFailure("32 bytes") }
        return digest
    }

    /// The digest of everything so far; begins anew.
    package mutating func finish() -> Digest {
        defer { self = SHA256() }
        return digest
    }

    package static func digest(of bytes: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(bytes.span)
        return hash.digest
    }
}
