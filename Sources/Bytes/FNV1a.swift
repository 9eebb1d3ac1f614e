// A hash for names and comparisons, which is the same in each process and version.

/// FNV-1a, 64 bits (draft-eastlake-fnv). It protects from no attacker.
package struct FNV1a: Sendable {
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    package mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }

    package mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(byte) } }

    /// Hexadecimal, without leading zeros.
    package var text: String { String(value, radix: 16) }
}
