// The entity tags of If-Match and If-None-Match (RFC 9110, section 13.1).

import Bytes

package struct EntityTags: Sendable {
    private let members: [String]

    /// The value of all headers of the name, as one list.
    package init(_ header: String) {
        members = header.fields(",").map { $0.fields(" ").joined() }
    }

    /// `*` matches whatever exists; `current` is `nil` for what does not.
    package func matchesStrongly(_ current: String?) -> Bool {
        guard let current else { return false }
        return members.contains { $0 == "*" || $0.isSame(as: current) }
    }

    /// The same, a tag being taken for the same as its weak form.
    package func matchesWeakly(_ current: String?) -> Bool {
        guard let current else { return false }
        return members.contains { member in
            member == "*" || (member.after("W/") ?? member).isSame(as: current)
        }
    }
}
