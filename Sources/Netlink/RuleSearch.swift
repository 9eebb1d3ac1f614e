// Searches the rules and chains of all programs for texts, such as a pod's uid in a comment.

import Bytes
package import Kernel

/// A table of nftables in which a text was found.
package struct MarkedTable: Hashable, Sendable, CustomStringConvertible {
    /// `ip`, `ip6`, `inet` or another family of nft(8), or the number of an unknown one.
    package let family: String
    package let name: String

    /// As nft(8) names it.
    package var description: String { "\(family) \(name)" }

    /// The table of a listed rule or chain whose bytes contain one of the marks. A text in a rule
    /// of iptables is inside of an expression, so all bytes are searched.
    package init?(_ reply: NetlinkReply, marks: [[UInt8]]) {
        let isListed = [FirewallRequest.newRule, .newChain].contains { $0.type == reply.type }
        guard isListed, let family = reply.tableFamily,
            marks.contains(where: { reply.body.rest(after: $0) != nil }),
            // NFTA_RULE_TABLE and NFTA_CHAIN_TABLE have the same number.
            let name = Attributes(reply.body.dropFirst(4))[ChainAttribute.table]?.text
        else { return nil }
        self.family = family
        self.name = name
    }
}

extension NetfilterSocket {
    /// The tables with a rule or a chain that contains one of the marks. The rules of the older
    /// iptables are not in nftables.
    package func tables(marked marks: [String]) throws(SystemCallFailure) -> Set<MarkedTable> {
        let marks = marks.map { Array($0.utf8) }
        return Set(try rulesAndChains().compactMap { MarkedTable($0, marks: marks) })
    }
}
