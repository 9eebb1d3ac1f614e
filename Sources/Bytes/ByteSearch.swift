// Searches for a byte and for several.

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

    /// The bytes after the first occurrence of `mark`; `nil` if there is none, or `mark` is empty.
    package func rest(after mark: [UInt8]) -> ArraySlice<UInt8>? {
        guard let first = mark.first else { return nil }
        var rest = self
        while let place = rest.index(ofFirst: first) {
            rest = rest[place...]
            if rest.starts(with: mark) { return rest[(place + mark.count)...] }
            rest = rest.dropFirst()
        }
        return nil
    }
}
