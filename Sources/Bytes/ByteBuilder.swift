//  A growing block of malloc'd bytes for serializers, without an array, a string or a second copy.

import Glibc

/// Collects bytes and hands them over as `HeapBytes`. Its deinit frees the bytes that it still
/// owns. If memory runs out, the process ends, so that a reply is never truncated.
@safe package struct ByteBuilder: ~Copyable {
    // SAFETY: `base` always points at `capacity` bytes from malloc, of which `count` are written;
    // this struct is their only owner until `finish`.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// The number of bytes appended so far.
    package private(set) var count = 0

    /// Makes an empty builder with an initial capacity of `capacity` bytes.
    package init(capacity: Int = 512) {
        self.capacity = max(capacity, 16)
        unsafe self.base = Self.grown(nil, to: self.capacity)
    }

    deinit {
        unsafe free(base)
    }

    /// Appends one byte.
    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Appends a literal's UTF-8.
    package mutating func append(_ text: StaticString) {
        guard text.hasPointerRepresentation else { return append(utf8: text.description) }
        unsafe append(
            raw: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a string's UTF-8.
    package mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { utf8 in unsafe append(raw: UnsafeRawBufferPointer(utf8)) }
    }

    /// Appends bytes.
    package mutating func append(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { raw in unsafe append(raw: raw) }
    }

    /// Appends a part of an array without copying it first.
    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        unsafe bytes.withUnsafeBytes { raw in unsafe append(raw: raw) }
    }

    /// Appends the bytes of `span`.
    package mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBytes { raw in unsafe append(raw: raw) }
    }

    /// Appends a number in decimal, with a minus sign if it is negative.
    package mutating func append(decimal number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        append(decimal: number.magnitude)
    }

    /// Appends a number in decimal.
    package mutating func append(decimal number: UInt64) {
        reserve(20)
        var rest = number
        var width = 1
        while rest >= 10 {
            rest /= 10
            width += 1
        }
        rest = number
        for place in stride(from: count + width - 1, through: count, by: -1) {
            let digit = UInt8(truncatingIfNeeded: rest % 10) + UInt8(ascii: "0")
            unsafe base.storeBytes(of: digit, toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
        count += width
    }

    /// Finishes the builder: the result takes over the block without a copy.
    package consuming func finish() -> HeapBytes {
        let result = unsafe HeapBytes(adopting: base, count: count)
        discard self
        return result
    }

    private mutating func append(raw: UnsafeRawBufferPointer) {
        guard let source = raw.baseAddress, raw.count > 0 else { return }
        reserve(raw.count)
        unsafe memcpy(base + count, source, raw.count)
        count += raw.count
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        unsafe base = Self.grown(base, to: capacity)
    }

    private static func grown(
        _ block: UnsafeMutableRawPointer?, to capacity: Int
    ) -> UnsafeMutableRawPointer {
        guard let grown = unsafe realloc(block, capacity) else { fatalError("out of memory") }
        return unsafe grown
    }
}
