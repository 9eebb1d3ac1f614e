// Reads JSON (RFC 8259) that runc, crun or the operator wrote: the seccomp profile, logs, features.
// Requests of clients are read elsewhere, and more strictly.

struct NodeReader {
    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    /// `nil` where `bytes` are not one JSON value, or it nests deeper than 64.
    static func read(_ bytes: [UInt8]) -> Node? {
        var reader = NodeReader(bytes: bytes)
        guard let node = reader.value() else { return nil }
        reader.skipSpace()
        return reader.index == bytes.count ? node : nil
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func value() -> Node? {
        skipSpace()
        guard depth < 64, let first = next else { return nil }
        depth += 1
        defer { depth -= 1 }
        switch first {
        case UInt8(ascii: "{"): return object()
        case UInt8(ascii: "["): return array()
        case UInt8(ascii: "\""): return string().map(Node.string)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
        default: return word()
        }
    }

    private mutating func object() -> Node? {
        var members: [Node.Member] = []
        index += 1
        if take("}") { return .object([]) }
        repeat {
            skipSpace()
            guard let key = string(), take(":"), let value = value() else { return nil }
            members.append(Node.Member(key: key, value: value))
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array() -> Node? {
        var items: [Node] = []
        index += 1
        if take("]") { return .array([]) }
        repeat {
            guard let item = value() else { return nil }
            items.append(item)
        } while take(",")
        return take("]") ? .array(items) : nil
    }

    private mutating func number() -> Node? {
        let start = index
        while let byte = next, Array("+-.eE0123456789".utf8).contains(byte) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        return Double(text) == nil ? nil : .number(text)
    }

    private mutating func word() -> Node? {
        let words: [(String, Node)] = [("true", true), ("false", false), ("null", .null)]
        for (word, node) in words where bytes[index...].starts(with: word.utf8) {
            index += word.utf8.count
            return node
        }
        return nil
    }

    private mutating func string() -> String? {
        guard next == UInt8(ascii: "\"") else { return nil }
        index += 1
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                text += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard let byte = next else { return nil }
        index += 1
        switch byte {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "u"): return unicode()
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        default: return nil
        }
    }

    /// `uXXXX`; a pair of surrogates is one scalar, a single one is U+FFFD.
    private mutating func unicode() -> Unicode.Scalar? {
        guard let high = hexadecimal() else { return nil }
        guard (0xd800..<0xdc00).contains(high), bytes[index...].starts(with: "\\u".utf8) else {
            return Unicode.Scalar(high) ?? "\u{fffd}"
        }
        index += 2
        guard let low = hexadecimal() else { return nil }
        guard (0xdc00..<0xe000).contains(low) else { return "\u{fffd}" }
        return Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
    }

    private mutating func hexadecimal() -> UInt32? {
        guard index + 4 <= bytes.count else { return nil }
        defer { index += 4 }
        return UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    }

    private mutating func skipSpace() {
        while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { index += 1 }
    }

    /// Whether `scalar` comes next, after white space; then it is behind us.
    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: scalar) else { return false }
        index += 1
        return true
    }
}
