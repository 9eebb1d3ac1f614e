// The rules and chains that network plugins (CNI) make for a container, in the tables of any
// program. The rules of the older iptables are not in nftables.

import Bytes
package import Kernel

/// A rule whose comment names a container, or a chain of one container.
package struct PluginRule: Hashable, Sendable, CustomStringConvertible {
    /// `ip`, `ip6`, `inet` or another family of nft(8), or the number of an unknown one.
    package let family: String
    package let table: String
    package let chain: String
    /// `nil` for a chain, because its name has only a hash of the container.
    package let container: String?

    package var description: String {
        "\(family) \(table) \(chain)" + (container.map { " \($0)" } ?? "")
    }

    /// `nil` for a rule or a chain of another kind.
    package init?(_ reply: NetlinkReply) {
        let attributes = Attributes(reply.body.dropFirst(4))
        guard let family = reply.tableFamily, let table = attributes[ChainAttribute.table]?.text
        else { return nil }
        switch reply.type {
        case FirewallRequest.newRule.type:
            guard let chain = attributes[ChainAttribute.ruleChain]?.text,
                let container = PluginRule.container(in: reply.body)
            else { return nil }
            (self.chain, self.container) = (chain, container)
        case FirewallRequest.newChain.type:
            guard let name = attributes[ChainAttribute.name]?.text, PluginRule.isOfContainer(name)
            else { return nil }
            (chain, container) = (name, nil)
        default: return nil
        }
        self.family = family
        self.table = table
    }

    /// The container of a comment `name: "NETWORK" id: "CONTAINER"`, wherever it is in the bytes.
    private static func container(in body: ArraySlice<UInt8>) -> String? {
        let (before, between) = (Array("name: \"".utf8), Array("\" id: \"".utf8))
        guard let name = body.rest(after: before), let id = name.rest(after: between) else {
            return nil
        }
        let text = id.prefix { $0 > 0x20 && $0 != UInt8(ascii: "\"") }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    /// Whether it is one of `CNI-`, `CNI-DN-` and `CNI-SN-` with a hash, which fills 28 bytes.
    private static func isOfContainer(_ chain: String) -> Bool {
        guard chain.utf8.count == 28, let rest = chain.after("CNI-") else { return false }
        let hash = rest.after("DN-") ?? rest.after("SN-") ?? rest
        return hash.utf8.allSatisfy {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
        }
    }
}

extension NetfilterSocket {
    /// Those of all tables.
    package func pluginRules() throws(SystemCallFailure) -> Set<PluginRule> {
        Set(try rulesAndChains().compactMap { PluginRule($0) })
    }
}
