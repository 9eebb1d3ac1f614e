// The words for the objects that the helper `network list` has seen.

package enum WireSeen: String, Sendable, CaseIterable {
    /// A bridge, by the uid of its network.
    case bridge
    /// An element of the firewall, by the uid of its network.
    case rules
    /// The host's end of a pod's interface, which is a port of a bridge.
    case interface
    /// The same, but it is no port of any bridge.
    case interfaceWithoutBridge
    /// A host port in the firewall, by the uid of its pod.
    case port
    /// What about the firewall may keep pods from others: a code instead of a uid, and a detail.
    case finding
}
