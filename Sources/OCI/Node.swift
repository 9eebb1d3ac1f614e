// A JSON value, for the documents that runc reads and writes.

/// Numbers are kept as they stand in the text, so that a 64-bit mask is not rounded; `raw` is text
/// that was written before, and goes out as it is.
indirect enum Node: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([Node])
    /// Members in the order of the text.
    case object([Member])
    case raw([UInt8])

    struct Member: Equatable, Sendable {
        let key: String
        let value: Node
    }

    init(strings: [String]) { self = .array(strings.map(Node.string)) }

    /// A member's value; `nil` where it is absent or null, or this is no object.
    subscript(key: String) -> Node? {
        guard case .object(let members) = self,
            let value = members.first(where: { $0.key == key })?.value, value != .null
        else { return nil }
        return value
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var items: [Node]? { if case .array(let items) = self { items } else { nil } }
    var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    var digits: String? { if case .number(let digits) = self { digits } else { nil } }

    /// The strings of an array of strings; `nil` for anything else.
    var strings: [String]? {
        guard let items else { return nil }
        let strings = items.compactMap(\.text)
        return strings.count == items.count ? strings : nil
    }

    /// The document as UTF-8, without white space.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return bytes
    }

    private func write(into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += Array("null".utf8)
        case .bool(let value): bytes += Array((value ? "true" : "false").utf8)
        case .number(let digits): bytes += Array(digits.utf8)
        case .string(let text): quote(text, into: &bytes)
        case .array(let items):
            list(items, "[", "]", into: &bytes) { item, bytes in item.write(into: &bytes) }
        case .object(let members):
            list(members, "{", "}", into: &bytes) { member, bytes in
                quote(member.key, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(into: &bytes)
            }
        case .raw(let text): bytes += text
        }
    }

    private func list<Item>(
        _ items: [Item], _ open: Unicode.Scalar, _ close: Unicode.Scalar,
        into bytes: inout [UInt8], _ write: (Item, inout [UInt8]) -> Void
    ) {
        bytes.append(UInt8(ascii: open))
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            write(item, &bytes)
        }
        bytes.append(UInt8(ascii: close))
    }
}

extension Node: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral text: String) { self = .string(text) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral number: Int64) { self = .number(String(number)) }
    init(arrayLiteral items: Node...) { self = .array(items) }
    init(dictionaryLiteral members: (String, Node)...) {
        self = .object(members.map { Member(key: $0, value: $1) })
    }

    init(_ number: some FixedWidthInteger) { self = .number(String(number)) }
}

private func quote(_ text: String, into bytes: inout [UInt8]) {
    let hexadecimal = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0..<0x20:
            bytes += Array("\\u00".utf8)
            bytes += [hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 0xf)]]
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
}
