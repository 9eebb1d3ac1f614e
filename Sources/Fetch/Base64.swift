// base64, by nettle. Its functions are macros in C; these are the names behind them.

import Bytes
import CNettle

/// The bytes of a text in base64 with padding (RFC 4648, section 4). Spaces and newlines are passed
/// over. `nil` for any other text.
func decodedBase64(_ text: String) -> [UInt8]? {
    var context = unsafe base64_decode_ctx()
    var text = text
    return text.withUTF8 { source in
        var bytes = [UInt8](repeating: 0, count: source.count / 4 * 3 + 3)
        var count = bytes.count
        // SAFETY: the array has room for three bytes for each four that begin, which is more than
        // BASE64_DECODE_LENGTH (nettle/base64.h).
        unsafe nettle_base64_decode_init(&context)
        let isValid = unsafe source.withMemoryRebound(to: CChar.self) { source in
            unsafe nettle_base64_decode_update(
                &context, &count, &bytes, source.count, source.baseAddress)
        }
        guard isValid == 1, unsafe nettle_base64_decode_final(&context) == 1 else { return nil }
        return Array(bytes[..<count])
    }
}
