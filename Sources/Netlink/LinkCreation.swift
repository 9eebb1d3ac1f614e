// Makes bridges, veth pairs, and the inside of a pod's network namespace.

import Glibc
package import Kernel

extension RouteSocket {
    /// Makes a bridge, enabled, with its addresses; returns its index. EEXIST: there is a link of
    /// that name, which is unchanged. If a later part fails, the bridge stays.
    package func create(_ bridge: NewBridge) throws(SystemCallFailure) -> Int32 {
        let name = bridge.name
        let message = NetlinkMessage.link(
            "RTM_NEWLINK", Route.newLink, name.text, [.create, .exclusive], isUp: true
        ) {
            $0.put(LinkAttribute.name, text: name.text)
            $0.put(LinkAttribute.address, bridge.mac.bytes)
            $0.nest(LinkAttribute.info) { $0.put(LinkAttribute.infoKind, text: "bridge") }
        }
        try socket.exchange([message], effect: "network.bridge")
        guard let index = try link(name)?.index else { throw message.failure(noDevice) }
        let settings = NetlinkMessage.link("RTM_SETLINK", Route.setLink, name.text, index: index) {
            $0.put(LinkAttribute.alias, Array(bridge.alias.utf8))
            if bridge.routesLocalnet { $0.routeLocalnet() }
        }
        let addresses = bridge.addresses.map {
            NetlinkMessage.address($0, on: index, name.text)
        }
        try socket.exchange([settings] + addresses, effect: "network.address")
        return index
    }

    /// Makes the pair in one datagram. Neither side is enabled: `attach` does that for ours, and
    /// `setUp` for the peer. EEXIST: there is a link of that name.
    package func create(_ veth: NewVeth) throws(SystemCallFailure) {
        let pair = NetlinkMessage.link(
            "RTM_NEWLINK", Route.newLink, veth.name.text, [.create, .exclusive]
        ) {
            $0.put(LinkAttribute.name, text: veth.name.text)
            $0.ethernet(mtu: veth.mtu)
            $0.nest(LinkAttribute.info) {
                $0.put(LinkAttribute.infoKind, text: "veth")
                $0.nest(LinkAttribute.infoData) { $0.peer(veth) }
            }
        }
        // The kernel takes an alias only for a link that exists.
        let mark = NetlinkMessage.link("RTM_SETLINK", Route.setLink, "alias of \(veth.name)") {
            $0.put(LinkAttribute.name, text: veth.name.text)
            $0.put(LinkAttribute.alias, Array(veth.alias.utf8))
        }
        try socket.exchange([pair, mark], effect: "network.link")
    }

    /// Enables lo and an interface, gives it addresses, and sets the default routes, in one
    /// datagram. The socket was opened in the pod's namespace.
    package func setUp(
        _ index: Int32, _ name: InterfaceName, addresses: [IPPrefix], gateways: [IPAddress]
    ) throws(SystemCallFailure) {
        let messages =
            [NetlinkMessage.enable(1, "lo"), .enable(index, name.text)]
            + addresses.map { NetlinkMessage.address($0, on: index, name.text) }
            + gateways.map { NetlinkMessage.defaultRoute(over: $0, on: index, name.text) }
        try socket.exchange(messages, effect: "network.address")
    }
}

extension AttributeWriter {
    /// One queue, because changing the number of queues waits for RCU.
    fileprivate mutating func ethernet(mtu: UInt32) {
        put(LinkAttribute.mtu, host: mtu)
        put(LinkAttribute.sendingQueues, host: 1)
        put(LinkAttribute.receivingQueues, host: 1)
    }

    /// A peer that is created enabled is ENOTCONN, because it has no peer yet.
    fileprivate mutating func peer(_ veth: NewVeth) {
        let peer = veth.peer
        nest(LinkAttribute.peer, head: NetlinkMessage.linkHead(peer.index, isUp: false)) {
            $0.put(LinkAttribute.name, text: peer.name.text)
            $0.put(LinkAttribute.address, peer.mac.bytes)
            $0.put(LinkAttribute.namespace, [UInt8](host: peer.namespace))
            $0.ethernet(mtu: veth.mtu)
        }
    }

    fileprivate mutating func routeLocalnet() {
        nest(LinkAttribute.familySpecific) {
            $0.nest(UInt16(Family.v4)) {
                $0.nest(LinkAttribute.configuration) {
                    $0.put(LinkAttribute.routesLocalnet, host: 1)
                }
            }
        }
    }
}
