// What an attempt to remove a pod from its networks of plugins has left.

package import Model

package struct PluginDetachment: Equatable, Sendable {
    /// Whether DEL of each plugin has succeeded.
    package let areDeleted: Bool
    /// Why something is still there; `nil` if the pod was seen to be gone from rules, interfaces
    /// and addresses.
    package let blocker: Blocker?
    /// Whether the blocker was seen on the host; otherwise the look itself has failed.
    package let hasLooked: Bool

    package init(areDeleted: Bool, blocker: Blocker?, hasLooked: Bool = false) {
        self.areDeleted = areDeleted
        self.blocker = blocker
        self.hasLooked = hasLooked
    }
}
