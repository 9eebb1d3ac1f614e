// Searches the rules and chains of all programs for texts, such as a pod's uid in a comment.

import Bytes
package import Kernel

/// A table of nftables in which a text was found.
package struct MarkedTable: Hashable, Sendable, CustomStringConvertible {
    /// `ip`, `ip6`, `inet`, or the number of another family.
    package let family: String
    package let name: String

    /// As nft(8) names it.
    package var description: String { "\(family) \(name)" }

    private static let families: [UInt8: String] = [
        1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6",
    ]

    /// The table of a listed rule or chain whose bytes contain one of the marks. A text in a rule
    /// of iptables is inside of an expression, so all bytes are searched.
    package init?(_ reply: NetlinkReply, marks: [[UInt8]]) {
        let isListed = [FirewallRequest.newRule, .newChain].contains { $0.type == reply.type }
        guard isListed, let family = reply.body.first,
            marks.contains(where: { reply.body.contains(bytes: $0) }),
            // NFTA_RULE_TABLE and NFTA_CHAIN_TABLE have the same number.
            let name = Attributes(reply.body.dropFirst(4))[ChainAttribute.table]?.text
        else { return nil }
        self.family = MarkedTable.families[family] ?? "\(family)"
        self.name = name
    }
}

extension NetfilterSocket {
    /// The tables with a rule or a chain that contains one of the marks. The rules of the older
    /// iptables are not in nftables.
    package func tables(marked marks: [String]) throws(SystemCallFailure) -> Set<MarkedTable> {
        let marks = marks.map { Array($0.utf8) }
        var found: Set<MarkedTable> = []
        for request in [FirewallRequest.getRule, .getChain] {
            let message = NetlinkMessage(
                request.name, request.type, "all tables", [], Netfilter.head(Family.none))
            do {
                found.formUnion(
                    try socket.dump(message).compactMap { MarkedTable($0, marks: marks) })
            } catch {
                if error.errno != noEntry { throw error }
            }
        }
        return found
    }
}

extension ArraySlice<UInt8> {
    fileprivate func contains(bytes mark: [UInt8]) -> Bool {
        guard let first = mark.first else { return false }
        var rest = self
        while let place = rest.index(ofFirst: first) {
            rest = rest[place...]
            if rest.starts(with: mark) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
