// The Prefer header (RFC 7240); only the preferences `wait` and `respond-async` are known.

import Bytes

/// How long a client wants to wait for an operation's end.
enum Waiting {
    /// Seconds; a longer wait is reduced to this.
    static let limit = 300
    /// Seconds, if `wait` has no number.
    static let usual = 30

    /// Seconds; `nil` if the client does not want to wait. An invalid value is ignored, as section
    /// 2 of the RFC requires. The first of several values counts.
    static func preference(_ headers: [(name: String, value: String)]) -> Double? {
        for header in headers where isPrefer(header.name) {
            for preference in header.value.fields(",") {
                if let wait = wait(preference) { return wait }
            }
        }
        return nil
    }

    /// Whether the client wants no answer but the operation (section 4.1).
    static func isAsync(_ headers: [(name: String, value: String)]) -> Bool {
        headers.contains { header in
            isPrefer(header.name)
                && header.value.fields(",").contains {
                    trimmed($0.upTo(";")).lowered == "respond-async"
                }
        }
    }

    private static func wait(_ preference: String) -> Double? {
        let parts = preference.upTo(";").fields("=", maxSplits: 1, keepingEmpty: true)
        guard let name = parts.first.map(trimmed), name.lowered == "wait" else { return nil }
        guard parts.count == 2 else { return Double(usual) }
        let text = unquoted(trimmed(parts[1]))
        if text.isEmpty { return Double(usual) }
        return seconds(text).map { min($0, Double(limit)) }
    }

    private static func isPrefer(_ name: String) -> Bool {
        name.utf8.count == 6 && name.lowered == "prefer"
    }
}

/// Without white space on either side (RFC 9110, section 5.6.3).
func trimmed(_ text: some StringProtocol) -> String {
    let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    let bytes = text.utf8.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
    return String(decoding: Array(bytes), as: UTF8.self)
}

/// Removes the quotes of a quoted string.
func unquoted(_ text: String) -> String {
    text.after("\"")?.before("\"") ?? text
}
