// The entity tags of If-Match and If-None-Match (RFC 9110, section 13.1).

import Bytes

package struct EntityTags: Sendable {
    private let members: [String]

    /// The value of all headers of that name, as one list.
    package init(_ header: String) {
        members = header.fields(",").map { $0.fields(" ").joined() }
    }

    /// `*` matches anything that exists; `current` is `nil` if there is no entity.
    package func matchesStrongly(_ current: String?) -> Bool {
        guard let current else { return false }
        return members.contains { $0 == "*" || $0.isSame(as: current) }
    }

    /// Weak comparison: a tag matches its weak form too.
    package func matchesWeakly(_ current: String?) -> Bool {
        guard let current else { return false }
        return members.contains { member in
            member == "*" || (member.after("W/") ?? member).isSame(as: current)
        }
    }
}
