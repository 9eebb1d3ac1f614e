// Versions of the CNI specification, and the facts that depend on them.

import Bytes

/// A version of the specification, such as 1.0.0.
package struct CNIVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int

    private init(_ major: Int, _ minor: Int, _ patch: Int) {
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }

    /// `nil` unless the text is three decimal numbers without leading zeros.
    package init?(_ text: String) {
        let numbers = text.fields(".", keepingEmpty: true).compactMap { $0.utf8.decimal(Int.self) }
        guard numbers.count == 3 else { return nil }
        self.init(numbers[0], numbers[1], numbers[2])
        guard description.isSame(as: text) else { return nil }
    }

    /// The versions that Staunch speaks, in ascending order. Results before 0.3.0 have another
    /// form, which no current plugin needs.
    package static let known = [
        CNIVersion(0, 3, 0), CNIVersion(0, 3, 1), CNIVersion(0, 4, 0), CNIVersion(1, 0, 0),
        CNIVersion(1, 1, 0),
    ]

    package static let oldest = CNIVersion(0, 3, 0)
    package static let newest = CNIVersion(1, 1, 0)

    package var isKnown: Bool { CNIVersion.known.contains(self) }

    /// CHECK, and `prevResult` at DEL, came with 0.4.0.
    package var hasCheck: Bool { self >= CNIVersion(0, 4, 0) }
    /// STATUS and GC came with 1.1.0.
    package var hasStatus: Bool { self >= CNIVersion(1, 1, 0) }
    /// Up to 0.4.0 each address of a result has a member `version`, "4" or "6".
    var namesAddressFamily: Bool { self < CNIVersion(1, 0, 0) }
    /// `mtu` and other members of interfaces and routes came with 1.1.0.
    var hasInterfaceDetails: Bool { self >= CNIVersion(1, 1, 0) }

    package static func < (one: CNIVersion, other: CNIVersion) -> Bool {
        (one.major, one.minor, one.patch) < (other.major, other.minor, other.patch)
    }

    package var description: String { "\(major).\(minor).\(patch)" }

    /// Why Staunch does not speak the version of `text`; `nil` if it does.
    static func refusal(of text: String) -> String? {
        guard let version = CNIVersion(text) else {
            return "'\(excerpt(text))' is not a version of the CNI specification, such as \(newest)"
        }
        if version.isKnown { return nil }
        if version < oldest {
            return "CNI \(version) is older than \(oldest), the oldest supported"
        }
        if version > newest {
            return "CNI \(version) is newer than \(newest), the newest supported"
        }
        return "CNI \(version) does not exist"
    }
}
