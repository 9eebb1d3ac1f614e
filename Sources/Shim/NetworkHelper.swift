// The helper that makes and removes networks and interfaces in the host's network namespace, and
// lists them. Each change may wait for a lock of the whole kernel.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

/// - `network make`: makes a network or completes it, by the document (`WireNetwork`) from standard
///   input.
/// - `network remove BRIDGE MARK TABLE`: removes a network, and the table if no network is left.
/// - `network detach TABLE`: removes the interfaces of pods, by the document (`WireDetachment`)
///   from standard input. Writes a line `UID ERRNO_NAME text` for each pod of which something is
///   left.
/// - `network list TABLE`: writes a line `KIND UID NAME` for each object with our mark. The mark is
///   the table's name, a colon and a uid. A line `finding CODE DETAIL` tells what about the
///   firewall may keep pods from each other.
enum NetworkHelper {
    static func run(_ verb: String, _ words: [String]) throws(SystemCallFailure) -> CInt {
        switch verb {
        case "make" where words.isEmpty: try make(try input())
        case "remove" where words.count == 3: try remove(words[0], words[1], words[2])
        case "detach" where words.count == 1:
            let table = try table(words[0])
            try Detachment(table: table, try RouteSocket(), try NetfilterSocket())
                .run(try input())
        case "list" where words.count == 1: try list(try table(words[0]))
        default: throw SystemCallFailure(call: "network", subject: verb, errno: 22)
        }
        return 0
    }

    private static func input() throws(SystemCallFailure) -> [UInt8] {
        try OwnedDescriptor(adopting: 0).readAll(limit: 64 << 20)
    }

    static func table(_ name: String) throws(SystemCallFailure) -> FirewallTable {
        guard let table = FirewallTable(name) else { throw unusable(name) }
        return table
    }

    static func name(_ text: String) throws(SystemCallFailure) -> InterfaceName {
        guard let name = InterfaceName(text) else { throw unusable(text) }
        return name
    }

    private static func unusable(_ text: String) -> SystemCallFailure {
        SystemCallFailure(call: "name", subject: text, errno: 22)
    }

    // MARK: Making

    private static func make(_ document: [UInt8]) throws(SystemCallFailure) {
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
        try makeBridge(bridge, network, gateways)
        try complete(ports + entries(bridge, network, gateways), table, firewall)
    }

    private static func makeBridge(
        _ name: InterfaceName, _ network: WireNetwork, _ gateways: [IPPrefix]
    ) throws(SystemCallFailure) {
        let route = try RouteSocket()
        let known = try route.link(name)
        if let known, !(known.alias?.isSame(as: network.mark) ?? false) {
            // A former helper was killed before the bridge had its mark.
            try route.remove(name)
        }
        if known?.alias?.isSame(as: network.mark) ?? false { return }
        guard let first = gateways.first else { throw unusable("a network without addresses") }
        _ = try route.create(
            NewBridge(
                name: name, mac: MACAddress(for: first.address), alias: network.mark,
                addresses: gateways))
        try set(name, hasVersion6: gateways.contains { $0.address.family == .v6 })
    }

    /// Settings of this bridge alone. Packets from pods are forwarded, whatever the host does with
    /// other packets.
    private static func set(
        _ bridge: InterfaceName, hasVersion6: Bool
    ) throws(SystemCallFailure) {
        try Files.writeControlFile("/proc/sys/net/ipv4/conf/\(bridge)/forwarding", "1")
        let version6 = "/proc/sys/net/ipv6/conf/\(bridge)"
        guard try Files.exists(version6) else { return }
        if hasVersion6 {
            try Files.writeControlFile(version6 + "/accept_ra", "0")
            try Files.writeControlFile(version6 + "/forwarding", "1")
        } else {
            try Files.writeControlFile(version6 + "/disable_ipv6", "1")
        }
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
                if let entry = element.content { present.insert(entry) }
            }
        }
        let missing = wanted.filter { !present.contains($0.content) }
        if !missing.isEmpty { try firewall.add(missing, to: table) }
    }

    // MARK: Removing and listing

    private static func remove(
        _ bridge: String, _ mark: String, _ tableName: String
    ) throws(SystemCallFailure) {
        let (bridge, table) = (try name(bridge), try table(tableName))
        let route = try RouteSocket()
        let firewall = try NetfilterSocket()
        try firewall.remove(of: FirewallSet.allCases, from: table) {
            $0.comment?.isSame(as: mark) ?? false
        }
        try route.remove(bridge)
        for link in try route.links() where link.alias?.isSame(as: mark) ?? false {
            throw SystemCallFailure(call: "RTM_DELLINK", subject: link.name, errno: 16)
        }
        try firewall.removeUnused(table)
    }

    private static func list(_ table: FirewallTable) throws(SystemCallFailure) {
        let prefix = table.name + ":"
        var lines: [String] = []
        for link in try RouteSocket().links() {
            guard let uid = link.alias?.after(prefix) else { continue }
            let kind = link.kind?.isSame(as: "bridge") ?? false ? "bridges" : "interfaces"
            lines.append("\(kind) \(uid) \(link.name)")
        }
        let firewall = try NetfilterSocket()
        do throws(SystemCallFailure) {
            for drop in try firewall.forwardDrops() { lines.append("finding forward-drop \(drop)") }
        } catch { lines.append("finding no-nftables \(error.errnoText)") }
        for set in FirewallSet.allCases {
            for element in try firewall.elements(of: set, in: table) {
                guard let uid = element.comment?.after(prefix) else { continue }
                let kind = set.isOfPorts ? "ports" : "bridges"
                lines.append("\(kind) \(uid) \(set.rawValue) in \(table.name)")
            }
        }
        let text = lines.map { $0 + "\n" }.joined()
        try OwnedDescriptor(adopting: 1).writeAll(Array(text.utf8))
    }
}

extension FirewallSet {
    var isOfPorts: Bool {
        switch self {
        case .ports4, .ports6, .anyport4, .anyport6: true
        case .bridges, .isolated, .sameBridge, .subnets4, .subnets6, .hairpin4, .hairpin6,
            .masquerade4, .masquerade6:
            false
        }
    }
}
