// What an attempt to remove a pod from its networks of plugins has left.

package import Model

package struct PluginDetachment: Equatable, Sendable {
    /// Whether DEL of each plugin has succeeded.
    package let areDeleted: Bool
    /// Why something is still there; `nil` if the pod was seen to be gone from rules, interfaces
    /// and addresses.
    package let blocker: Blocker?

    package init(areDeleted: Bool, blocker: Blocker?) {
        self.areDeleted = areDeleted
        self.blocker = blocker
    }
}
