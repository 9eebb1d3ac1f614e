// The removal of pods' interfaces: the host ports first, so that no new connection comes in, then
// the interfaces, with one wait of the kernel for all of them, and then the tracked connections.

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
        let pods: [DetachedPod]
        do throws(WireFault) {
            pods = try WireDetachment.parse(document: document).map { x throws(WireFault) in
                try DetachedPod(x)
            }
        } catch { throw SystemCallFailure(call: "parse", subject: error.detail, errno: 22) }
        let published = try unpublish(pods)
        try unlink(pods)
        let addresses = Set(pods.flatMap(\.addresses) + published)
        try firewall.flush(addresses.flatMap { [.begun(by: $0), .answered(by: $0)] })
        if pods.contains(where: { !$0.isRecorded }) { try firewall.removeUnused(table) }
        try report(pods)
    }

    /// Removes the host ports. Returns the addresses to which they led.
    private func unpublish(_ pods: [DetachedPod]) throws(SystemCallFailure) -> [IPAddress] {
        let marks = Set(pods.map(\.mark))
        let removed = try firewall.remove(from: table) { () throws(SystemCallFailure) in
            try elements(of: pods).filter { marks.contains($0.comment ?? "") }
        }
        return removed.compactMap { element in
            if case .port(let port)? = element.content { port.podAddress } else { nil }
        }
    }

    /// The entries of the firewall that may be the pods'. The keys of recorded ports are known, and
    /// the time for a look at a key does not depend on the number of the pods.
    private func elements(
        of pods: [DetachedPod]
    ) throws(SystemCallFailure) -> [ListedElement] {
        if pods.allSatisfy(\.isRecorded) {
            return try firewall.elements(like: pods.flatMap(\.published), in: table)
        }
        // What has no record may be a network, which has elements of other sets.
        var elements: [ListedElement] = []
        for set in FirewallSet.allCases { elements += try firewall.elements(of: set, in: table) }
        return elements
    }

    private func unlink(_ pods: [DetachedPod]) throws(SystemCallFailure) {
        var present: [InterfaceName] = []
        for name in pods.flatMap(\.links) where try route.link(name) != nil {
            present.append(name)
        }
        if present.count == 1 { try route.remove(present[0]) } else { try route.remove(present) }
    }

    private func report(_ pods: [DetachedPod]) throws(SystemCallFailure) {
        var left: [String: String] = [:]
        for link in try links(of: pods) {
            if let alias = link.alias { left[alias] = "the interface \(link.name)" }
        }
        for element in try elements(of: pods) {
            if let mark = element.comment { left[mark] = "an element of the firewall" }
        }
        let lines = pods.compactMap { pod in
            left[pod.mark].map { "\(pod.uid) EBUSY still there: \($0)\n" }
        }
        try OwnedDescriptor(adopting: 1).writeAll(Array(lines.joined().utf8))
    }

    /// The links that may be the pods'. If another program has renamed a recorded pod's, the link
    /// goes with the pod's network namespace.
    private func links(of pods: [DetachedPod]) throws(SystemCallFailure) -> [NetworkLink] {
        guard pods.allSatisfy(\.isRecorded) else { return try route.links() }
        var links: [NetworkLink] = []
        for name in pods.flatMap(\.links) {
            if let link = try route.link(name) { links.append(link) }
        }
        return links
    }
}

/// The daemon's document of what to remove of a pod, with its texts and numbers checked.
private struct DetachedPod {
    let uid: String
    let mark: String
    /// Whether addresses and ports are known.
    let isRecorded: Bool
    let links: [InterfaceName]
    let addresses: [IPAddress]
    let published: [FirewallContent]

    init(_ document: WireDetachment) throws(WireFault) {
        uid = document.uid
        mark = document.mark
        isRecorded = document.bridge.isEmpty
        var links = [try InterfaceName(document.hostInterface).orFault(document.hostInterface)]
        if !isRecorded { links.append(try InterfaceName(document.bridge).orFault(document.bridge)) }
        self.links = links
        addresses = document.addresses.compactMap { IPAddress(bytes: $0) }
        published = try FirewallContent.published(document.ports, addresses)
    }
}
