// Completes links that exist: new links, and links that another program has changed, or whose maker
// was killed half-way.

package import Kernel

extension RouteSocket {
    /// Enables a bridge, and adds those of the addresses that it does not have.
    package func complete(
        _ bridge: NetworkLink, addresses: [IPPrefix]
    ) throws(SystemCallFailure) {
        let present = try self.addresses().filter { $0.link == bridge.index }.map(\.prefix)
        let missing = addresses.filter { !present.contains($0) }
        let enabling = bridge.isUp ? [] : [NetlinkMessage.enable(bridge.index, bridge.name)]
        let messages =
            enabling + missing.map { NetlinkMessage.address($0, on: bridge.index, bridge.name) }
        if !messages.isEmpty { try socket.exchange(messages, effect: "network.address") }
    }

    /// Makes a link a port of a bridge, and enables it. The bridge sends packets back to the pod of
    /// the port if they are for one of its own published ports (hairpin).
    package func attach(_ name: InterfaceName, to bridge: Int32) throws(SystemCallFailure) {
        let joining = NetlinkMessage.link(
            "RTM_NEWLINK", Route.newLink, "\(name) as a port", isUp: true
        ) {
            $0.put(LinkAttribute.name, text: name.text)
            $0.put(LinkAttribute.master, [UInt8](host: bridge))
        }
        // The kernel takes a port's settings only for a link that is one.
        let settings = NetlinkMessage.link(
            "RTM_NEWLINK", Route.newLink, "\(name) as a port"
        ) {
            $0.put(LinkAttribute.name, text: name.text)
            $0.nest(LinkAttribute.info) {
                $0.put(LinkAttribute.portKind, text: "bridge")
                $0.nest(LinkAttribute.portData) { $0.put(LinkAttribute.hairpin, [1]) }
            }
        }
        try socket.exchange([joining, settings], effect: "network.link")
    }
}
