// External text, cut and compared by its bytes (law 23).
//
// Swift's own methods work on characters, which are grapheme clusters. A combining mark hides the
// separator before it, CRLF is one character and no newline, `é` equals `e` with an accent, and the
// Kelvin sign equals `K`. The kernel, the runtime and our clients mean bytes. Tests/TidyTests
// enforces the use of these functions in Sources.

import Glibc

/// For `String` alone: functions for any `StringProtocol` are instantiated at run time, which costs
/// ten times as much, and each idle shim 8 KiB of memory.
extension String {
    /// The parts between separators, which must be ASCII.
    package func fields(
        _ separator: Unicode.Scalar, maxSplits: Int = .max, keepingEmpty: Bool = false
    ) -> [String] {
        utf8.split(
            separator: UInt8(ascii: separator), maxSplits: maxSplits,
            omittingEmptySubsequences: !keepingEmpty
        ).map { String(decoding: $0, as: UTF8.self) }
    }

    package func begins(with prefix: String) -> Bool {
        utf8.count >= prefix.utf8.count && hasBytes(of: prefix, count: prefix.utf8.count)
    }

    package func ends(with suffix: String) -> Bool {
        utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    /// The text after `prefix`; `nil` if the text does not begin with it.
    package func after(_ prefix: String) -> String? {
        guard begins(with: prefix) else { return nil }
        return String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }

    /// The text before `suffix`; `nil` if the text does not end with it.
    package func before(_ suffix: String) -> String? {
        guard ends(with: suffix) else { return nil }
        return String(decoding: utf8.dropLast(suffix.utf8.count), as: UTF8.self)
    }

    /// The text before the first `separator`; the whole text if there is none.
    package func upTo(_ separator: Unicode.Scalar) -> String {
        let end = UInt8(ascii: separator)
        return String(decoding: utf8.prefix { $0 != end }, as: UTF8.self)
    }

    /// The texts on both sides of the first `separator`; `nil` if there is none.
    package func cut(_ separator: Unicode.Scalar) -> (before: String, after: String)? {
        let bytes = Array(utf8)
        return bytes.firstIndex(of: UInt8(ascii: separator)).map { bytes.sides(of: $0) }
    }

    /// The same for the last `separator`.
    package func cutAtLast(_ separator: Unicode.Scalar) -> (before: String, after: String)? {
        let bytes = Array(utf8)
        return bytes.lastIndex(of: UInt8(ascii: separator)).map { bytes.sides(of: $0) }
    }

    package func has(_ byte: Unicode.Scalar) -> Bool { utf8.contains(UInt8(ascii: byte)) }

    /// With `A` to `Z` in lower case, and every other byte unchanged.
    package var lowered: String {
        let upper = UInt8(ascii: "A")...UInt8(ascii: "Z")
        return String(decoding: utf8.map { upper.contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }

    /// Compares byte for byte; `==` would treat different file names, keys and values as equal.
    package func isSame(as other: String) -> Bool {
        utf8.count == other.utf8.count && hasBytes(of: other, count: utf8.count)
    }

    private func hasBytes(of other: String, count: Int) -> Bool {
        var (one, other) = (self, other)
        return one.withUTF8 { one in
            other.withUTF8 { other in
                // SAFETY: both have `count` bytes.
                guard count > 0, let one = one.baseAddress,
                    let other = other.baseAddress
                else { return true }
                return unsafe memcmp(one, other, count) == 0
            }
        }
    }
}

/// A text as a key: two keys are equal if their bytes are equal.
package struct ByteKey: Hashable, Comparable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: ByteKey, other: ByteKey) -> Bool {
        one.text.isSame(as: other.text)
    }

    package static func < (one: ByteKey, other: ByteKey) -> Bool {
        one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

extension [UInt8] {
    fileprivate func sides(of index: Int) -> (before: String, after: String) {
        (
            String(decoding: self[..<index], as: UTF8.self),
            String(decoding: self[(index + 1)...], as: UTF8.self)
        )
    }
}

extension Sequence<UInt8> {
    /// A number that consists of decimal digits; `nil` for any other text, or if it is too large.
    package func decimal<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number? {
        var number: Number = 0
        var isEmpty = true
        for byte in self {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isMore) = product.addingReportingOverflow(Number(byte - UInt8(ascii: "0")))
            if isTooLarge || isMore { return nil }
            (number, isEmpty) = (sum, false)
        }
        return isEmpty ? nil : number
    }
}
