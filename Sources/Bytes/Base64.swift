// Base64 (RFC 4648, section 4).

/// Appends the bytes in base64, with padding.
package func appendBase64(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var place = 0
    while place < bytes.count {
        let left = min(3, bytes.count - place)
        var bits: UInt32 = 0
        for step in 0..<3 {
            bits = bits << 8 | (step < left ? UInt32(bytes[place + step]) : 0)
        }
        for step in 0..<4 {
            let digit = alphabet[Int(bits >> UInt32(18 - 6 * step)) & 63]
            text.append(step <= left ? digit : UInt8(ascii: "="))
        }
        place += 3
    }
}
