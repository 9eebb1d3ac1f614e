// The helper that makes and removes networks and interfaces in the host's network namespace, and
// lists them. Each change may wait for a lock of the whole kernel.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

/// - `network make DIRECTORY`: makes a network or completes it, by the document (`WireNetwork`)
///   from standard input.
/// - `network remove DIRECTORY BRIDGE MARK TABLE`: removes a network, and the table if no network
///   is left. Both lock the directory, so that they wait for a helper of a daemon that has ended.
/// - `network detach TABLE`: removes the interfaces of pods, by the document (`WireDetachment`)
///   from standard input. Writes a line `UID ERRNO_NAME text` for each pod of which something is
///   left.
/// - `network list TABLE`: writes a line `KIND UID NAME` for each object with our mark. The mark is
///   the table's name, a colon and a uid. The kinds are those of `WireSeen`. A finding about the
///   host's firewall has a code in the place of the uid.
enum NetworkHelper {
    static func run(_ verb: String, _ words: [String]) throws(SystemCallFailure) -> CInt {
        switch verb {
        case "make" where words.count == 1:
            let directory = try OwnedDescriptor.opening(words[0], 0)
            try directory.lock()
            try make(try input())
        case "remove" where words.count == 4:
            let directory = try OwnedDescriptor.opening(words[0], 0)
            try directory.lock()
            try remove(words[1], words[2], words[3])
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

    static func unusable(_ text: String) -> SystemCallFailure {
        SystemCallFailure(call: "name", subject: text, errno: 22)
    }

    private static func remove(
        _ bridge: String, _ mark: String, _ tableName: String
    ) throws(SystemCallFailure) {
        let (bridge, table) = (try name(bridge), try table(tableName))
        let route = try RouteSocket()
        let firewall = try NetfilterSocket()
        try firewall.remove(mark, from: table)
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
            let isBridge = link.kind?.isSame(as: "bridge") ?? false
            let kind: WireSeen =
                isBridge ? .bridge : link.master == nil ? .interfaceWithoutBridge : .interface
            lines.append("\(kind.rawValue) \(uid) \(link.name)")
        }
        let firewall = try NetfilterSocket()
        do throws(SystemCallFailure) {
            for drop in try firewall.forwardDrops() {
                lines.append("\(WireSeen.finding.rawValue) forward-drop \(drop)")
            }
        } catch { lines.append("\(WireSeen.finding.rawValue) no-nftables \(error.errnoText)") }
        for set in FirewallSet.allCases {
            for element in try firewall.elements(of: set, in: table) {
                guard let uid = element.comment?.after(prefix) else { continue }
                let kind: WireSeen = set.isOfPorts ? .port : .rules
                lines.append("\(kind.rawValue) \(uid) \(set.rawValue) in \(table.name)")
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
