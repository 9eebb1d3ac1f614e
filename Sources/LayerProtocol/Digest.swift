// A digest of image-spec's descriptors
// (https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md#digests).

import Bytes

/// A SHA-256, the only algorithm that layers are checked by.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// `nil` if these are not 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// `sha256:` and 64 lower-case hexadecimal digits; `nil` for any other text.
    package init?(_ text: String) {
        guard let hex = text.after("sha256:") else { return nil }
        self.init(hex: hex)
    }

    /// 64 lower-case hexadecimal digits; `nil` for any other text.
    package init?(hex: String) {
        let digits = hex.utf8.map(Digest.value)
        guard digits.count == 64, !digits.contains(nil) else { return nil }
        let values = digits.compactMap { $0 }
        bytes = stride(from: 0, to: 64, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    /// The digits, which are the name of the layer's directory.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    package var description: String { "sha256:\(hex)" }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
