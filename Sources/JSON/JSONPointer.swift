//  The place of a value in a document.

/// A JSON pointer (RFC 6901): "" is the whole document, "/tasks/app" the member `app` of `tasks`.
/// Every value that is read has a pointer but few are shown, so the text is made on demand.
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    private indirect enum Place: Sendable {
        case root
        case member(String, of: Place)
        case element(Int, of: Place)
    }

    private let place: Place

    package static let root = JSONPointer(place: .root)

    private init(place: Place) { self.place = place }

    /// The pointer of the member `name` of this value.
    package func appending(_ name: String) -> JSONPointer {
        JSONPointer(place: .member(name, of: place))
    }

    /// The pointer of the element `index` of this value.
    package func appending(_ index: Int) -> JSONPointer {
        JSONPointer(place: .element(index, of: place))
    }

    /// The pointer of the value at `inner` of this value.
    package func appending(_ inner: JSONPointer) -> JSONPointer {
        switch inner.place {
        case .root: self
        case .member(let name, let parent):
            appending(JSONPointer(place: parent)).appending(name)
        case .element(let index, let parent):
            appending(JSONPointer(place: parent)).appending(index)
        }
    }

    /// The pointer as text, escaped.
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

    /// Compares the texts: only the document tells whether a token names a member or an element.
    package static func == (left: JSONPointer, right: JSONPointer) -> Bool {
        left.text == right.text
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    package var description: String { text }

    /// Section 3: `~` is written `~0`, and `/` is written `~1`. It works on bytes, because `/` with
    /// a combining accent is one `Character` that differs from `/`.
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
