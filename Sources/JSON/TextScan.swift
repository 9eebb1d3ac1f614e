//  Facts that jansson does not report: the depth of a text before it is parsed, the value at an
//  offset, and the bytes of a value. The functions look only at brackets, commas and strings, and
//  none recurses.

/// The offset of the first bracket that exceeds `limit` levels; `nil` if there is none.
func offsetOfDeepNesting(in bytes: [UInt8], limit: Int) -> Int? {
    var depth = 0
    var index = 0
    while index < bytes.count {
        switch bytes[index] {
        case openBrace, openBracket:
            depth += 1
            if depth > limit { return index }
        case closeBrace, closeBracket: depth -= 1
        case quote: index = endOfString(in: bytes, openedAt: index)
        default: break
        }
        index += 1
    }
    return nil
}

/// The pointer of the innermost value that is open at `offset`. The text must be well formed up to
/// `offset`.
func pointer(in bytes: [UInt8], at offset: Int) -> JSONPointer {
    var path: [Frame] = []
    var index = 0
    while index < min(offset, bytes.count) {
        switch bytes[index] {
        case openBrace: path.append(.object(key: nil))
        case openBracket: path.append(.array(index: 0))
        case closeBrace, closeBracket: _ = path.popLast()
        case comma: path.indices.last.map { path[$0].next() }
        case quote:
            let end = endOfString(in: bytes, openedAt: index)
            path.indices.last.map { path[$0].saw(string: index..<min(end + 1, bytes.count)) }
            index = end
        default: break
        }
        index += 1
    }
    return path.reduce(.root) { $1.extend($0, in: bytes) }
}

/// The line of an offset, counted from 1.
func lineNumber(in bytes: [UInt8], at offset: Int) -> Int {
    bytes[..<min(offset, bytes.count)].reduce(1) { $1 == newline ? $0 + 1 : $0 }
}

/// The parts between the commas of the object or array at `range`, without white space around them.
/// The text must be well formed.
func parts(of bytes: [UInt8], in range: Range<Int>) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var depth = 0
    var start = range.lowerBound + 1
    var index = range.lowerBound
    while index < range.upperBound {
        switch bytes[index] {
        case openBrace, openBracket: depth += 1
        case closeBrace, closeBracket: depth -= 1
        case quote: index = endOfString(in: bytes, openedAt: index)
        default: break
        }
        let isEnd = depth == 0
        if isEnd || (depth == 1 && bytes[index] == comma) {
            parts.append(trimmed(bytes, start..<index))
            start = index + 1
        }
        if isEnd { break }
        index += 1
    }
    return parts.filter { !$0.isEmpty }
}

/// The range without the white space of JSON (RFC 8259, section 2) at its ends.
func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isSpace(bytes[start]) { start += 1 }
    while start < end, isSpace(bytes[end - 1]) { end -= 1 }
    return start..<end
}

private func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
}

/// The offset of the quote that ends a string, or the text's length if there is none.
func endOfString(in bytes: [UInt8], openedAt start: Int) -> Int {
    var index = start + 1
    while index < bytes.count, bytes[index] != quote {
        index += bytes[index] == backslash ? 2 : 1
    }
    return min(index, bytes.count)
}

/// An open object or array.
private enum Frame {
    /// `key` is the range of the current member's name, including the quotes.
    case object(key: Range<Int>?)
    case array(index: Int)

    mutating func next() {
        switch self {
        case .object: self = .object(key: nil)
        case .array(let index): self = .array(index: index + 1)
        }
    }

    /// The first string after a brace or a comma is the member's name.
    mutating func saw(string: Range<Int>) {
        if case .object(nil) = self { self = .object(key: string) }
    }

    func extend(_ pointer: JSONPointer, in bytes: [UInt8]) -> JSONPointer {
        switch self {
        case .object(nil): pointer
        case .object(let key?): name(key, in: bytes).map(pointer.appending) ?? pointer
        case .array(let index): pointer.appending(index)
        }
    }

    /// The content of a quoted string; `nil` if the range is not a string.
    private func name(_ range: Range<Int>, in bytes: [UInt8]) -> String? {
        do throws(JSONFault) {
            return try JSONValue.parse(Array(bytes[range])).string
        } catch {
            return nil  // without it the pointer just ends one level higher
        }
    }
}

private let newline = UInt8(ascii: "\n")
private let openBrace = UInt8(ascii: "{")
private let closeBrace = UInt8(ascii: "}")
private let openBracket = UInt8(ascii: "[")
private let closeBracket = UInt8(ascii: "]")
private let comma = UInt8(ascii: ",")
private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
