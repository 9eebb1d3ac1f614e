// The field WWW-Authenticate (RFC 9110, section 11.6.1), read by bytes: a list of challenges, whose
// parameters are separated by commas like the challenges themselves.

import Bytes

/// A scheme in lower case and its parameters.
struct Challenge: Equatable, Sendable {
    let scheme: String
    private(set) var parameters: [(name: String, value: String)] = []

    subscript(name: String) -> String? {
        parameters.first { $0.name.isSame(as: name) }?.value
    }

    static func == (one: Challenge, other: Challenge) -> Bool {
        one.scheme == other.scheme
            && one.parameters.elementsEqual(other.parameters) { $0 == $1 }
    }

    /// The challenges of a field. Ends before the first byte that breaks the grammar, because what
    /// was read until there may suffice.
    static func parse(_ field: [UInt8]) -> [Challenge] {
        var scanner = FieldScanner(field)
        var challenges: [Challenge] = []
        while true {
            scanner.skipSeparators()
            guard let word = scanner.token() else { return challenges }
            scanner.skipSpace()
            guard scanner.take(equals) else {
                challenges.append(Challenge(scheme: word.lowered))
                // The credentials of such schemes as Negotiate follow without a name.
                scanner.skipToken68()
                continue
            }
            scanner.skipSpace()
            guard !challenges.isEmpty, let value = scanner.value() else { return challenges }
            challenges[challenges.count - 1].parameters.append((word.lowered, value))
        }
    }
}

private let equals = UInt8(ascii: "=")
private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")

private struct FieldScanner {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 { place += 1 }
    }

    mutating func skipSeparators() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ",") {
            place += 1
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    mutating func token() -> String? {
        let start = place
        while let byte = next, isTokenByte(byte) { place += 1 }
        return place > start ? String(decoding: bytes[start..<place], as: UTF8.self) : nil
    }

    /// Passes over base64 that is no parameter: a comma or the end follows it.
    mutating func skipToken68() {
        let start = place
        while let byte = next, isTokenByte(byte) || byte == UInt8(ascii: "/") { place += 1 }
        while next == equals { place += 1 }
        let isWhole = next == nil || next == UInt8(ascii: ",")
        if !isWhole { place = start }
    }

    /// A token or a quoted text.
    mutating func value() -> String? {
        guard take(quote) else { return token() }
        var content: [UInt8] = []
        while let byte = next {
            place += 1
            if byte == quote { return String(decoding: content, as: UTF8.self) }
            if byte == backslash, let escaped = next {
                place += 1
                content.append(escaped)
            } else {
                content.append(byte)
            }
        }
        return nil
    }
}

/// tchar of RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: Array("!#$%&'*+-.^_`|~".utf8).contains(byte)
    }
}
