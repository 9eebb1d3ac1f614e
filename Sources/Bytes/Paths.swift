// The components of paths. A path is bytes: no link is followed, and nothing is looked up.

/// The significant components: neither empty nor `.`.
package func pathComponents(_ path: String) -> [String] {
    path.fields("/").filter { $0 != "." }
}

extension String {
    /// Whether the path is `directory`, or below it. Both are absolute, and without `..`.
    package func isInside(_ directory: String) -> Bool {
        let (own, other) = (pathComponents(self), pathComponents(directory))
        return own.count >= other.count && zip(own, other).allSatisfy { $0.isSame(as: $1) }
    }
}
