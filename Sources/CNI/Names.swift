// The names that the protocol allows, and text from outside in messages.

import Bytes

/// Whether a text begins with a letter or a digit, and continues with letters, digits, `_`, `.` and
/// `-` (SPEC.md, sections 1 and 2: network names and container ids).
package func isCNIName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
}

/// A network's name. portmap cuts its comments at 255 bytes, and the container id is at the end: a
/// longer name would hide whose a rule is.
package func isNetworkName(_ text: String) -> Bool { isCNIName(text) && text.utf8.count <= 200 }

/// A name that the kernel accepts for an interface (`dev_valid_name` in net/core/dev.c, IFNAMSIZ).
package func isInterfaceName(_ text: String) -> Bool {
    guard (1...15).contains(text.utf8.count), text != ".", text != ".." else { return false }
    // The kernel would replace "%d" by a number.
    return text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/:%".utf8.contains($0) }
}

/// The file name of a plugin. It becomes a part of a path.
package func isPluginType(_ text: String) -> Bool {
    guard (1...255).contains(text.utf8.count), text != ".", text != ".." else { return false }
    return text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != slash && $0 != backslash }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
    default: false
    }
}

private let slash = UInt8(ascii: "/")
private let backslash = UInt8(ascii: "\\")

/// The beginning of a text from outside, for a message: one line of at most 512 bytes.
func excerpt(_ bytes: some Collection<UInt8>) -> String {
    let limit = 512
    let plain = bytes.prefix(limit).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: " ") : $0 }
    let text = String(decoding: plain, as: UTF8.self)
    return bytes.count > limit ? text + "…" : text
}

func excerpt(_ text: String) -> String { excerpt(text.utf8) }
