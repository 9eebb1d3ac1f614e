// IP addresses and prefixes, as values. Their text is that of RFC 5952 and of inet_pton(3).

import Glibc

/// An IPv4 or an IPv6 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Family: Sendable, CustomStringConvertible {
        case v4, v6

        package var description: String { self == .v4 ? "v4" : "v6" }

        /// The number of bits of an address.
        package var bits: Int { self == .v4 ? 32 : 128 }

        /// The last address of all, as a number.
        package var most: UInt128 { self == .v4 ? UInt128(UInt32.max) : .max }
    }

    package let family: Family
    /// The address as a number. An IPv4 address is below 2^32.
    package let value: UInt128

    /// 127.0.0.1 and ::1.
    package static let loopback4 = IPAddress(.v4, 0x7f00_0001)
    package static let loopback6 = IPAddress(.v6, 1)

    package init(_ family: Family, _ value: UInt128) {
        self.family = family
        self.value = value
    }

    /// `nil` unless the text is an address as inet_pton(3) reads it: four decimal numbers, or
    /// IPv6 without a zone.
    package init?(_ text: String) {
        // A NUL would hide the rest of the text from the C library.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        let isV6 = text.utf8.contains(UInt8(ascii: ":"))
        // SAFETY: the C string lives for the call, which writes at most 16 bytes.
        let read = unsafe inet_pton(isV6 ? AF_INET6 : AF_INET, text, &bytes)
        guard read == 1 else { return nil }
        self.init(bytes: isV6 ? bytes[...] : bytes[..<4])
    }

    /// In network byte order. `nil` unless there are 4 or 16 bytes.
    package init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(bytes.count == 4 ? .v4 : .v6, bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    package init?(bytes: [UInt8]) { self.init(bytes: bytes[...]) }

    /// 4 or 16 bytes in network byte order.
    package var bytes: [UInt8] {
        stride(from: family.bits - 8, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: value >> UInt128($0))
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        // SAFETY: `bytes` has the family's length, and the text has room for any address.
        let written = unsafe inet_ntop(
            family == .v4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        guard unsafe written != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension IPAddress: Comparable {
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.family == right.family ? left.value < right.value : left.family == .v4
    }
}

/// An address and the length of its network's prefix, such as `10.88.0.1/16`.
package struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let length: Int

    /// `nil` if the length is not from 0 to the family's number of bits.
    package init?(_ address: IPAddress, length: Int) {
        guard 0...address.family.bits ~= length else { return nil }
        self.address = address
        self.length = length
    }

    /// `nil` unless the text is `<address>/<decimal length>`, without leading zeros.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")),
            let address = IPAddress(String(text[..<slash])),
            let length = Int(text[bytes.index(after: slash)...]),
            text[bytes.index(after: slash)...].utf8.elementsEqual("\(length)".utf8)
        else { return nil }
        self.init(address, length: length)
    }

    package var description: String { "\(address)/\(length)" }

    /// The same prefix with the network's own address.
    package var network: IPPrefix {
        IPPrefix(unchecked: IPAddress(address.family, address.value & mask), length)
    }

    /// The last address of the prefix. In IPv4 it is the broadcast address.
    package var last: IPAddress {
        IPAddress(address.family, network.address.value | hosts)
    }

    package func contains(_ other: IPAddress) -> Bool {
        other.family == address.family && other.value & mask == address.value & mask
    }

    /// Whether an address exists that both contain.
    package func overlaps(_ other: IPPrefix) -> Bool {
        length <= other.length ? contains(other.address) : other.contains(address)
    }

    private init(unchecked address: IPAddress, _ length: Int) {
        self.address = address
        self.length = length
    }

    /// The bits of the part that differs between the network's hosts.
    private var hosts: UInt128 {
        let free = address.family.bits - length
        return free == 128 ? .max : (1 << UInt128(free)) - 1
    }

    private var mask: UInt128 { address.family.most & ~hosts }
}
