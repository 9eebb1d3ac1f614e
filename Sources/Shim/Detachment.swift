// The removal of pods' interfaces: the host ports first, so that no new connection comes in, then
// the interfaces, with one wait of the kernel for all of them, and then the tracked connections.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

struct Detachment: ~Copyable {
    private let table: FirewallTable
    private let route: RouteSocket
    private let firewall: NetfilterSocket

    init(
        table: FirewallTable, _ route: consuming RouteSocket, _ firewall: consuming NetfilterSocket
    ) {
        self.table = table
        self.route = route
        self.firewall = firewall
    }

    /// Writes a line for each pod of which something is left.
    func run(_ document: [UInt8]) throws(SystemCallFailure) {
        let pods: [WireDetachment]
        do throws(WireFault) { pods = try WireDetachment.parse(document: document) } catch {
            throw SystemCallFailure(call: "parse", subject: error.detail, errno: 22)
        }
        let published = try unpublish(pods)
        try unlink(pods)
        let addresses =
            pods.flatMap(\.addresses).compactMap { IPAddress(bytes: $0) } + published
        try firewall.flush(
            Set(addresses).flatMap { [.begun(by: $0), .answered(by: $0)] })
        if pods.contains(where: { !$0.bridge.isEmpty }) { try firewall.removeUnused(table) }
        try report(pods)
    }

    /// Removes the host ports. Returns the addresses to which they led.
    private func unpublish(_ pods: [WireDetachment]) throws(SystemCallFailure) -> [IPAddress] {
        let marks = Set(pods.map(\.mark))
        let removed = try firewall.remove(of: Detachment.sets(of: pods), from: table) {
            marks.contains($0.comment ?? "")
        }
        return removed.compactMap { element in
            if case .port(let port)? = element.content { port.podAddress } else { nil }
        }
    }

    /// What has no record may be a network, which has elements of other sets.
    private static func sets(of pods: [WireDetachment]) -> [FirewallSet] {
        let isOfNetwork = pods.contains { !$0.bridge.isEmpty }
        return FirewallSet.allCases.filter { isOfNetwork || $0.isOfPorts }
    }

    private func unlink(_ pods: [WireDetachment]) throws(SystemCallFailure) {
        var names: [InterfaceName] = []
        for pod in pods {
            names.append(try NetworkHelper.name(pod.hostInterface))
            if !pod.bridge.isEmpty { names.append(try NetworkHelper.name(pod.bridge)) }
        }
        var present: [InterfaceName] = []
        for name in names where try route.link(name) != nil { present.append(name) }
        if present.count == 1 { try route.remove(present[0]) } else { try route.remove(present) }
    }

    private func report(_ pods: [WireDetachment]) throws(SystemCallFailure) {
        var left: [String: String] = [:]
        for link in try route.links() {
            if let alias = link.alias { left[alias] = "the interface \(link.name)" }
        }
        for set in Detachment.sets(of: pods) {
            for element in try firewall.elements(of: set, in: table) {
                if let mark = element.comment { left[mark] = "an element of the firewall" }
            }
        }
        let lines = pods.compactMap { pod in
            left[pod.mark].map { "\(pod.uid) EBUSY still there: \($0)\n" }
        }
        try OwnedDescriptor(adopting: 1).writeAll(Array(lines.joined().utf8))
    }
}
