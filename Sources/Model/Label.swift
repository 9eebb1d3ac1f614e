// The names that clients choose: one rule for pods and tasks.

/// A DNS label (RFC 1123): 1–63 bytes of `a-z 0-9 -`, and neither the first nor the last is a
/// hyphen. So it is safe as a path component, a cgroup name, a hostname and a URL segment, without
/// escaping.
package struct Label: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The label, byte for byte.
    package let text: String

    /// `nil` if `text` is not a DNS label.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), bytes.first != hyphen, bytes.last != hyphen,
            bytes.allSatisfy(Label.allows)
        else { return nil }
        self.text = text
    }

    private init(known text: String) { self.text = text }

    /// The name of the network that exists from its first use.
    package static let pods = Label(known: "pods")

    /// The label itself.
    package var description: String { text }

    /// In the order of the bytes, which are ASCII.
    package static func < (left: Label, right: Label) -> Bool { left.text < right.text }

    /// The text of the rule, for a message.
    package static let rule =
        "1 to 63 characters of a-z, 0-9 and '-', neither first nor last a '-'"

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen:
            true
        default: false
        }
    }
}

private let hyphen = UInt8(ascii: "-")
