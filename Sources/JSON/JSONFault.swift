//  Why bytes are not a JSON text that we read.

/// The first thing that is wrong with a text, and where.
package struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Not one byte.
        case empty
        case notUTF8
        /// An object names a member twice.
        case duplicateMember
        /// Nesting over `JSONValue.depthLimit`.
        case tooDeep
        /// A JSON text, and then something else.
        case trailingBytes
        /// Beyond a double, or a whole number beyond 64 bits.
        case numberOutOfRange
        /// No JSON at all: also a text that is cut short, NaN and a byte order mark.
        case malformed
    }

    package let kind: Kind
    /// For people: one sentence, with line and column where that helps.
    package let detail: String
    /// The innermost value in which it was found.
    package let pointer: JSONPointer

    package init(kind: Kind, detail: String, pointer: JSONPointer = .root) {
        self.kind = kind
        self.detail = detail
        self.pointer = pointer
    }

    package var description: String { "\(kind.rawValue) at '\(pointer)': \(detail)" }
}
