// What a new bridge and a new veth pair are made of.

import Glibc
package import Kernel

/// A new bridge.
package struct NewBridge: Sendable {
    package let name: InterfaceName
    package let mac: MACAddress
    /// At most 255 bytes.
    package let alias: String
    /// With the length of the network's prefix.
    package let addresses: [IPPrefix]
    /// Whether the host reaches published ports at 127.0.0.1: sets `route_localnet` on the bridge.
    /// The firewall's chain raw_prerouting keeps packets for 127.0.0.0/8 out.
    package let routesLocalnet: Bool

    package init(
        name: InterfaceName, mac: MACAddress, alias: String, addresses: [IPPrefix],
        routesLocalnet: Bool = true
    ) {
        self.name = name
        self.mac = mac
        self.alias = alias
        self.addresses = addresses
        self.routesLocalnet = routesLocalnet
    }
}

/// A new pair of virtual Ethernet interfaces. One is made in the socket's namespace, the other one
/// in a pod's.
package struct NewVeth: Sendable {
    package let name: InterfaceName
    /// At most 255 bytes.
    package let alias: String
    /// In bytes, for both sides.
    package let mtu: UInt32
    package let peer: Peer

    package struct Peer: Sendable {
        /// A descriptor of the network namespace. The caller keeps it.
        package let namespace: CInt
        package let name: InterfaceName
        /// Any index that is free there; lo has 1.
        package let index: Int32
        package let mac: MACAddress

        package init(namespace: CInt, name: InterfaceName, index: Int32, mac: MACAddress) {
            self.namespace = namespace
            self.name = name
            self.index = index
            self.mac = mac
        }
    }

    package init(
        name: InterfaceName, alias: String, mtu: UInt32, peer: Peer
    ) {
        self.name = name
        self.alias = alias
        self.mtu = mtu
        self.peer = peer
    }
}
