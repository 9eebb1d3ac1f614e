// Names of files as text, without a loss. A name is any bytes but NUL and `/`, and JSON has only
// Unicode.

/// A path as printable ASCII: every other byte, and the backslash, is `\xNN`.
package struct EscapedName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ bytes: some Sequence<UInt8>) {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            if byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else {
                text += Array("\\x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        description = String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `init` made the text of; `nil` for a text that it does not make.
    package static func bytes(of text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.dropFirst().prefix(2)
            guard rest.first == UInt8(ascii: "x"), digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(3)
        }
        return EscapedName(bytes).description.utf8.elementsEqual(text.utf8) ? bytes : nil
    }
}
