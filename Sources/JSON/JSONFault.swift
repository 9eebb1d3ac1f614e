//  The reasons for which bytes are not an accepted JSON text.

/// The first fault of a text, and its place.
package struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// The text has no bytes.
        case empty
        case notUTF8
        /// An object contains a name twice.
        case duplicateMember
        /// The nesting is deeper than `JSONValue.depthLimit`.
        case tooDeep
        /// Bytes follow the JSON text.
        case trailingBytes
        /// A number beyond the range of a double, or a whole number beyond 64 bits.
        case numberOutOfRange
        /// Not JSON; for example a truncated text, NaN or a byte order mark.
        case malformed
    }

    package let kind: Kind
    /// For people: one sentence, with line and column if they help.
    package let detail: String
    /// The innermost value that contains the fault.
    package let pointer: JSONPointer
    /// The line of the fault, counted from 1, if it is known.
    package let line: Int?

    package init(
        kind: Kind, detail: String, pointer: JSONPointer = .root, line: Int? = nil
    ) {
        self.kind = kind
        self.detail = detail
        self.pointer = pointer
        self.line = line
    }

    package var description: String { "\(kind.rawValue) at '\(pointer)': \(detail)" }
}
