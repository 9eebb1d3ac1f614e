//  A value together with its bytes in the text, for code that passes parts of a document on as they
//  are, and for faults that tell the line.

/// A value of a JSON text and its place. Its members and elements know their places, too.
package struct JSONSource: Sendable {
    package let value: JSONValue
    package let pointer: JSONPointer
    private let whole: [UInt8]
    private let range: Range<Int>

    private init(value: JSONValue, pointer: JSONPointer, whole: [UInt8], range: Range<Int>) {
        self.value = value
        self.pointer = pointer
        self.whole = whole
        self.range = range
    }

    /// Reads a whole text, like `JSONValue.parse`.
    package static func parse(_ bytes: [UInt8]) throws(JSONFault) -> JSONSource {
        let value = try JSONValue.parse(bytes)
        return JSONSource(
            value: value, pointer: .root, whole: bytes, range: trimmed(bytes, bytes.indices))
    }

    /// The bytes of the value without the white space around it. Numbers are as they were written.
    package var text: [UInt8] { Array(whole[range]) }

    /// The line on which the value begins, counted from 1.
    package var line: Int { lineNumber(in: whole, at: range.lowerBound) }

    /// The members of an object, in the order of the text; empty for any other value.
    package var members: [(name: String, source: JSONSource)] {
        guard let members = value.members else { return [] }
        return zip(members, parts(of: whole, in: range)).map { member, part in
            let nameEnd = endOfString(in: whole, openedAt: part.lowerBound)
            let colon = trimmed(whole, nameEnd + 1..<part.upperBound).lowerBound
            let range = trimmed(whole, colon + 1..<part.upperBound)
            return (member.name, at(member.value, pointer.appending(member.name), range))
        }
    }

    /// The elements of an array; empty for any other value.
    package var elements: [JSONSource] {
        guard let elements = value.elements else { return [] }
        return zip(elements, parts(of: whole, in: range)).enumerated().map { index, element in
            at(element.0, pointer.appending(index), element.1)
        }
    }

    /// The member of that name; `nil` if there is none, or if the value is no object.
    package subscript(name: String) -> JSONSource? {
        members.first { $0.name.utf8.elementsEqual(name.utf8) }?.source
    }

    private func at(_ value: JSONValue, _ pointer: JSONPointer, _ range: Range<Int>) -> JSONSource {
        JSONSource(value: value, pointer: pointer, whole: whole, range: range)
    }
}
