//  Where in a document something stands.

/// A JSON pointer (RFC 6901): "" is the whole document, "/tasks/app" the member `app` of `tasks`.
/// Every value that is read has one and hardly any is shown, so the text is made when asked for.
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    private indirect enum Place: Sendable {
        case root
        case member(String, of: Place)
        case element(Int, of: Place)
    }

    private let place: Place

    package static let root = JSONPointer(place: .root)

    private init(place: Place) { self.place = place }

    /// The member `name` of what this points at.
    package func appending(_ name: String) -> JSONPointer {
        JSONPointer(place: .member(name, of: place))
    }

    /// The element `index` of what this points at.
    package func appending(_ index: Int) -> JSONPointer {
        JSONPointer(place: .element(index, of: place))
    }

    /// The pointer itself, escaped.
    package var text: String {
        var tokens: [String] = []
        var rest = place
        while true {
            switch rest {
            case .root: return tokens.reversed().map { "/" + $0 }.joined()
            case .member(let name, let parent):
                tokens.append(JSONPointer.escaped(name))
                rest = parent
            case .element(let index, let parent):
                tokens.append(String(index))
                rest = parent
            }
        }
    }

    /// The text is the pointer: whether a token names a member or an element is the document's.
    package static func == (left: JSONPointer, right: JSONPointer) -> Bool {
        left.text == right.text
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

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
