// TOML 1.0 as a JSON value, by toml++.

import CTOML
import Glibc
import JSON

/// Why bytes are not accepted as TOML.
struct TOMLFault: Error, Equatable {
    /// Counted from 1; `nil` if it is not known.
    let line: Int?
    let detail: String
}

/// Reads a document. Tables are objects whose members have the order of the text; dates and real
/// numbers are null.
func parsedTOML(_ bytes: [UInt8]) throws(TOMLFault) -> JSONValue {
    var text: UnsafeMutablePointer<CChar>?
    var line: CUnsignedInt = 0
    // SAFETY: the function reads `count` bytes during the call.
    let isRead = unsafe bytes.withUnsafeBytes { raw in
        unsafe ctoml_to_json(
            raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, &text, &line)
    }
    // SAFETY: the text is ours, and ends in NUL; it is copied before it is freed.
    defer { unsafe free(text) }
    guard let text = unsafe text else { throw TOMLFault(line: nil, detail: "out of memory") }
    let said = unsafe [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
    guard isRead == 1 else {
        throw TOMLFault(
            line: line > 0 ? Int(line) : nil, detail: String(decoding: said, as: UTF8.self))
    }
    do { return try JSONValue.parse(said) } catch {
        throw TOMLFault(line: nil, detail: error.detail)
    }
}
