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

extension Span<UInt8> {
    package var isUTF8: Bool {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: self)
            return true
        } catch { return false }
    }

    /// The place of the first such byte at or after `start`, found with memchr(3).
    package func index(ofFirst byte: UInt8, from start: Int) -> Int? {
        // SAFETY: the bytes live for the call, and the found byte is one of them.
        unsafe withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress else { return nil }
            let rest = bytes.count - start
            guard let found = unsafe memchr(base + start, CInt(byte), rest) else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }
}

extension [UInt8] {
    /// Appends the bytes of `span`, in one copy.
    package mutating func append(_ span: Span<UInt8>) {
        // SAFETY: the bytes live for the call.
        unsafe span.withUnsafeBufferPointer { bytes in unsafe append(contentsOf: bytes) }
    }

    /// Moves these bytes to the beginning; the array keeps its size (memmove(3)).
    package mutating func moveToFront(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: both places are inside the array.
        unsafe withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe memmove(base, base + range.lowerBound, range.count)
        }
    }
}
