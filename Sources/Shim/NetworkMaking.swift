// Makes a network, or completes it if another program or the end of a helper left it incomplete.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

extension NetworkHelper {
    static func make(_ document: [UInt8]) throws(SystemCallFailure) {
        let network: WireNetwork
        let gateways: [IPPrefix]
        var ports: [FirewallElement] = []
        do throws(WireFault) {
            network = try WireNetwork.parse(document: document)
            gateways = try network.gateways.prefixes()
            for interface in network.interfaces { ports += try InterfaceWish(interface).published }
        } catch { throw unusable(error.detail) }
        let bridge = try name(network.bridge)
        let table = try table(network.table)
        let firewall = try NetfilterSocket()
        try firewall.ensure(table)
        let route = try RouteSocket()
        let index = try makeBridge(bridge, network, gateways, route)
        try attach(network.interfaces, to: index, route)
        try complete(ports + entries(bridge, network, gateways), table, firewall)
    }

    /// Returns the index of the bridge. A bridge that a former helper has made, perhaps not wholly,
    /// is completed.
    private static func makeBridge(
        _ name: InterfaceName, _ network: WireNetwork, _ gateways: [IPPrefix],
        _ route: borrowing RouteSocket
    ) throws(SystemCallFailure) -> Int32 {
        let index: Int32
        if let known = try route.link(name), known.alias?.isSame(as: network.mark) ?? false {
            try route.complete(known, addresses: gateways)
            index = known.index
        } else {
            // A former helper was killed before the bridge had its mark.
            try route.remove(name)
            guard let first = gateways.first else { throw unusable("a network without addresses") }
            index = try route.create(
                NewBridge(
                    name: name, mac: MACAddress(for: first.address), alias: network.mark,
                    addresses: gateways))
        }
        try set(name, hasVersion6: gateways.contains { $0.address.family == .v6 })
        return index
    }

    /// The interfaces of pods leave a bridge that is removed, and another bridge of the same name
    /// does not have them. An interface that is not there is being made, or is lost.
    private static func attach(
        _ interfaces: [WireInterface], to bridge: Int32, _ route: borrowing RouteSocket
    ) throws(SystemCallFailure) {
        guard !interfaces.isEmpty else { return }
        let others = Set(
            try route.links().filter { $0.master != bridge }.compactMap(\.alias))
        for interface in interfaces where others.contains(interface.mark) {
            do throws(SystemCallFailure) {
                try route.attach(try name(interface.hostInterface), to: bridge)
            } catch { if error.errno != 19 { throw error } }  // ENODEV: its pod was deleted
        }
    }

    /// Settings of this bridge alone. Packets from pods are forwarded, whatever the host does with
    /// other packets.
    private static func set(
        _ bridge: InterfaceName, hasVersion6: Bool
    ) throws(SystemCallFailure) {
        let version4 = "/proc/sys/net/ipv4/conf/\(bridge)"
        try Files.writeControlFile(version4 + "/forwarding", "1")
        try Files.writeControlFile(version4 + "/route_localnet", "1")
        let version6 = "/proc/sys/net/ipv6/conf/\(bridge)"
        guard try Files.exists(version6) else { return }
        if hasVersion6 {
            try Files.writeControlFile(version6 + "/accept_ra", "0")
            try Files.writeControlFile(version6 + "/forwarding", "1")
            // Before Linux 6.17, IPv6 packets are forwarded only if all interfaces forward.
            let force = version6 + "/force_forwarding"
            if try Files.exists(force) { try Files.writeControlFile(force, "1") }
        } else {
            try disableVersion6(of: bridge)
        }
    }

    /// The host gets no address on the interface. On a port of a bridge nothing uses it, and the
    /// kernel walks the addresses of all ports if one of the ports goes.
    static func disableVersion6(of interface: InterfaceName) throws(SystemCallFailure) {
        let file = "/proc/sys/net/ipv6/conf/\(interface)/disable_ipv6"
        if try Files.exists(file) { try Files.writeControlFile(file, "1") }
    }

    private static func entries(
        _ bridge: InterfaceName, _ network: WireNetwork, _ gateways: [IPPrefix]
    ) -> [FirewallElement] {
        var entries: [FirewallContent] = [.bridge(bridge), .sameBridge(bridge)]
        if network.isIsolated { entries.append(.isolated(bridge)) }
        for subnet in gateways.map(\.network) {
            entries += [.subnet(subnet), .hairpin(subnet)]
            if network.masquerades { entries.append(.masquerade(subnet)) }
        }
        return entries.compactMap { FirewallElement($0, comment: network.mark) }
    }

    /// Adds what is missing.
    private static func complete(
        _ wanted: [FirewallElement], _ table: FirewallTable, _ firewall: borrowing NetfilterSocket
    ) throws(SystemCallFailure) {
        var present: Set<FirewallContent> = []
        for set in Set(wanted.map(\.content.set)) {
            for element in try firewall.elements(of: set, in: table) {
                if let content = element.content { present.insert(content) }
            }
        }
        let missing = wanted.filter { !present.contains($0.content) }
        if !missing.isEmpty { try firewall.add(missing, to: table) }
    }
}
