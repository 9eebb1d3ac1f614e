//  Malloc'd bytes with one owner that frees them. A serializer makes them, and libmicrohttpd, which
//  calls free(), takes them over without a copy.

import Glibc

/// A block from `malloc` and the number of its bytes that are content. This object owns the block
/// until `release` hands it to the caller, which must then call `free`.
@safe package final class HeapBytes: @unchecked Sendable {
    // SAFETY: written once in `init`, and in `release` by the last user of the object. No code
    // reads after `release`, because it empties the object.
    private var base: UnsafeMutableRawPointer?
    /// Bytes of content; 0 after `release`.
    package private(set) var count: Int

    /// Takes over `block`, which must come from `malloc`, with `count` bytes of content.
    package init(adopting block: UnsafeMutableRawPointer, count: Int) {
        precondition(count >= 0)
        unsafe self.base = block
        self.count = count
    }

    deinit {
        // SAFETY: the block is ours until released, and `release` leaves nil here.
        unsafe free(base)
    }

    /// Hands over the block: the caller must `free` it. May be called once.
    package func release() -> (UnsafeMutableRawPointer, Int) {
        guard let block = unsafe base else { preconditionFailure("released twice") }
        let length = count
        unsafe base = nil
        count = 0
        return unsafe (block, length)
    }

    /// The content in place; valid while this object is alive and not released.
    @unsafe package var storage: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// A copy of the content, for code that keeps or compares it (tests, digests).
    package var bytes: [UInt8] {
        guard let block = unsafe base else { return [] }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: block, count: count))
    }
}
