// Hardware addresses, as values.

/// An Ethernet address.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    /// 6 bytes.
    package let bytes: [UInt8]

    /// `nil` unless there are 6 bytes.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// `nil` unless the text is six times two hexadecimal digits with colons between them.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part -> UInt8? in
            // An integer's text may begin with a sign.
            guard part.count == 2, let first = part.first, first >= UInt8(ascii: "0") else {
                return nil
            }
            return UInt8(String(decoding: part, as: UTF8.self), radix: 16)
        }
        guard parts.count == 6 else { return nil }
        self.init(bytes)
    }

    /// The locally administered address `02:42:<the last four bytes>`. A later owner of the IP
    /// address has the same hardware address, so no neighbor's entry for a former owner is ever
    /// wrong.
    package init(for address: IPAddress) {
        bytes = [0x02, 0x42] + address.bytes.suffix(4)
    }

    /// Six hexadecimal bytes with colons, such as `02:42:0a:58:00:02`.
    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
