//  Escaping of strings (RFC 8259, section 7).

extension ByteBuilder {
    /// Appends a string's UTF-8. Escapes only `"`, `\` and the control characters.
    package mutating func append(escaping text: String) { append(escaping: text.utf8.span) }

    /// The same for UTF-8 that is no string.
    package mutating func append(escaping bytes: Span<UInt8>) {
        var done = 0
        for index in bytes.indices where mustEscape(bytes[index]) {
            append(bytes.extracting(done..<index))
            append(escapeOf: bytes[index])
            done = index + 1
        }
        append(bytes.extracting(done..<bytes.count))
    }

    private mutating func append(escapeOf byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0a: append(UInt8(ascii: "n"))
        case 0x0c: append(UInt8(ascii: "f"))
        case 0x0d: append(UInt8(ascii: "r"))
        default:
            append("u00")
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 0xf))
        }
    }
}

@inline(__always)
private func mustEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
