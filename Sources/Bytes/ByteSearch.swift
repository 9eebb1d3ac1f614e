// Looking for a byte in many.

import Glibc

extension ArraySlice<UInt8> {
    /// As `firstIndex(of:)`, by memchr(3): many bytes a cycle.
    package func index(ofFirst byte: UInt8) -> Int? {
        // SAFETY: the slice's storage lives for the call, and what is found lies in it.
        unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            guard let found = unsafe memchr(base, CInt(byte), bytes.count) else { return nil }
            return unsafe startIndex + (UnsafeRawPointer(found) - base)
        }
    }
}
