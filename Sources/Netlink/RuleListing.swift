// Lists of the rules and chains of all programs.

import Kernel

extension NetfilterSocket {
    /// The rules and chains of all tables, as the kernel lists them.
    func rulesAndChains() throws(SystemCallFailure) -> [NetlinkReply] {
        try list(.getRule, "all rules") + chains()
    }

    func chains() throws(SystemCallFailure) -> [NetlinkReply] {
        try list(.getChain, "all chains")
    }

    private func list(
        _ request: FirewallRequest, _ subject: String
    ) throws(SystemCallFailure) -> [NetlinkReply] {
        let message = NetlinkMessage(
            request.name, request.type, subject, [], Netfilter.head(Family.none))
        do { return try socket.dump(message) } catch {
            if error.errno == noEntry { return [] }
            throw error
        }
    }
}

extension NetlinkReply {
    /// The family of a listed rule or chain as nft(8) names it, or the number of an unknown one.
    var tableFamily: String? {
        body.first.map { family in
            switch family {
            case 1: "inet"
            case 2: "ip"
            case 3: "arp"
            case 5: "netdev"
            case 7: "bridge"
            case 10: "ip6"
            default: "\(family)"
            }
        }
    }
}
