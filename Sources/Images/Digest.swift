// The name of content: its sha256 (OCI image-spec, descriptor.md, "Digests").

import Bytes

/// A sha256 digest in canonical form: `sha256:` and 64 digits in lower case. Other algorithms are
/// not read: whatever is fetched must be verified, and the unpacker verifies sha256 alone.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// 64 hexadecimal digits in lower case: safe as a file name.
    package let hex: String

    /// `nil` if the text is not such a digest.
    package init?(_ text: String) {
        guard let hex = text.after("sha256:") else { return nil }
        self.init(hex: hex)
    }

    /// `nil` if the text is not 64 hexadecimal digits in lower case.
    package init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy(isHexDigit) else { return nil }
        self.hex = hex
    }

    /// `nil` if these are not 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        hex = String(decoding: text, as: UTF8.self)
    }

    /// 32 bytes.
    package var bytes: [UInt8] {
        let values = hex.utf8.map { $0 < UInt8(ascii: "a") ? $0 & 15 : $0 - UInt8(ascii: "a") + 10 }
        return stride(from: 0, to: 64, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    /// `sha256:` and the digits.
    package var text: String { "sha256:" + hex }

    package var description: String { text }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
