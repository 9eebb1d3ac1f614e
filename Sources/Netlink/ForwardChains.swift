// Chains of other programs that drop forwarded packets, which decides about pods, too: a packet has
// to be accepted by every table.

package import Kernel

/// A base chain at the hook forward whose policy is drop.
package struct ForwardDrop: Hashable, Sendable, CustomStringConvertible {
    /// `ip`, `ip6` or `inet`.
    package let family: String
    package let table: String
    package let chain: String

    /// As nft(8) names it.
    package var description: String { "\(family) \(table) \(chain)" }

    private static let families = ["inet", "ip", "ip6"]

    /// `nil` for another chain.
    package init?(_ reply: NetlinkReply) {
        let attributes = Attributes(reply.body.dropFirst(4))
        // NF_INET_FORWARD is 2, and NF_DROP is 0.
        let hook = attributes.nested(ChainAttribute.hook)[ChainAttribute.hookNumber]
        guard reply.type == FirewallRequest.newChain.type,
            let family = reply.tableFamily, ForwardDrop.families.contains(family),
            let table = attributes[ChainAttribute.table]?.text,
            let chain = attributes[ChainAttribute.name]?.text,
            hook?.network(UInt32.self) == 2,
            attributes[ChainAttribute.policy]?.network(UInt32.self) == 0
        else { return nil }
        self.family = family
        self.table = table
        self.chain = chain
    }
}

extension NetfilterSocket {
    /// The chains of all tables.
    package func forwardDrops() throws(SystemCallFailure) -> [ForwardDrop] {
        try chains().compactMap { ForwardDrop($0) }
    }
}
