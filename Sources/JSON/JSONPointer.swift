//  Where in a document something stands.

/// A JSON pointer (RFC 6901): "" is the whole document, "/tasks/app" the member `app` of `tasks`.
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    /// The pointer itself, escaped.
    package let text: String

    package static let root = JSONPointer(text: "")

    private init(text: String) { self.text = text }

    /// The member `name` of what this points at.
    package func appending(_ name: String) -> JSONPointer {
        JSONPointer(text: text + "/" + JSONPointer.escaped(name))
    }

    /// The element `index` of what this points at.
    package func appending(_ index: Int) -> JSONPointer {
        JSONPointer(text: text + "/" + String(index))
    }

    package var description: String { text }

    /// Section 3: `~` is written `~0`, and `/` is written `~1`. By bytes, because a `/` with an
    /// accent on it is one `Character`, and not the character `/`.
    package static func escaped(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 == tilde || $0 == slash }) else { return name }
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case tilde: bytes += [tilde, UInt8(ascii: "0")]
            case slash: bytes += [tilde, UInt8(ascii: "1")]
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private let tilde = UInt8(ascii: "~")
private let slash = UInt8(ascii: "/")
