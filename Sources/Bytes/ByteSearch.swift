// Search for a byte.

import Glibc

extension ArraySlice<UInt8> {
    /// Like `firstIndex(of:)`, but with memchr(3), which compares many bytes per cycle.
    package func index(ofFirst byte: UInt8) -> Int? {
        // SAFETY: the slice's storage lives for the call, and the found byte is inside it.
        unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            guard let found = unsafe memchr(base, CInt(byte), bytes.count) else { return nil }
            return unsafe startIndex + (UnsafeRawPointer(found) - base)
        }
    }
}
