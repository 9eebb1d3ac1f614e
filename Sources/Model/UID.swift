// Identity: one UUIDv7 for each incarnation of a pod or task, and for each operation.

/// A UUID (RFC 9562). We make version 7: it contains the time, so that an id that is no longer kept
/// differs from an id that never existed.
package struct UID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first eight bytes, in network order.
    package let high: UInt64
    /// The last eight bytes, in network order.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a version 7 UUID of `milliseconds` since 1970 (48 bits) with 74 of `random`'s bits.
    package init(milliseconds: Int64, random: (UInt64, UInt64)) {
        high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | random.0 & 0x0fff
        low = 0x8000_0000_0000_0000 | random.1 & 0x3fff_ffff_ffff_ffff
    }

    /// Makes a version 7 UUID of `time`, from the system's generator.
    package static func make(at time: Timestamp) -> UID {
        UID(
            milliseconds: time.milliseconds,
            random: (.random(in: 0...(.max)), .random(in: 0...(.max))))
    }

    /// Parses only the canonical form: 36 characters, 8-4-4-4-12, either case.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (index, byte) in bytes.enumerated() {
            if UID.hyphens.contains(index) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = hexValue(byte) else { return nil }
            if digits < 16 { high = high << 4 | value } else { low = low << 4 | value }
            digits += 1
        }
        self.init(high: high, low: low)
    }

    /// Parses a uid as we write it into names: lower case, version 7. Any other name is not ours,
    /// and is never touched.
    package init?(ours name: String) {
        guard let uid = UID(name), uid.time != nil, "\(uid)".utf8.elementsEqual(name.utf8)
        else { return nil }
        self = uid
    }

    /// The time in a version 7 UUID; `nil` for any other version.
    package var time: Timestamp? {
        guard high >> 12 & 0xf == 7 else { return nil }
        return Timestamp(milliseconds: Int64(high >> 16))
    }

    /// The canonical form in lower case: 36 characters, 8-4-4-4-12.
    package var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if [8, 12, 16, 20].contains(index) { text.append(UInt8(ascii: "-")) }
            let word = index < 16 ? high : low
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - index % 16 * 4) & 0xf)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// In the order of the bytes. Version 7 UUIDs are in the order of their times.
    package static func < (left: UID, right: UID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static let hyphens: Set<Int> = [8, 13, 18, 23]
}

private func hexValue(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}
