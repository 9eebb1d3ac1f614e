// The removal of the rules that plugins have left for a pod (bridge and ptp with ipMasq, portmap):
// their DEL says yes and leaves them if the namespace is gone (containernetworking/plugins #810).
//
// A rule is the pod's if its comment is `name: "<network>" id: "<container id>"`, with an optional
// word before it. A chain is the pod's if its name is what the plugins make of the
// network's name and the container id, because the rules in portmap's chains have no comment.

import Bytes

/// What must be removed for one pod, and the input of `iptables-restore --noflush` that does it.
package struct RuleRemoval: Equatable, Sendable {
    /// The pod's rules in chains that are not the pod's.
    package private(set) var rules: [IPTablesSave.Rule] = []
    /// The pod's chains, which are removed with all their rules.
    package private(set) var chains: [IPTablesSave.Chain] = []
    /// The pod's chains that are only emptied, because a rule that is not the pod's refers to them.
    package private(set) var referenced: [IPTablesSave.Chain] = []

    package var isEmpty: Bool { rules.isEmpty && chains.isEmpty && referenced.isEmpty }

    /// Finds what the pod has in `save`. `networks` are the names of the record's attachments:
    /// they find chains to which no rule leads any more. The names in comments are added to them.
    package init(of containerID: String, networks: [String] = [], in save: IPTablesSave) {
        let marked = save.rules.filter { $0.network(of: containerID) != nil }
        let names = Set(networks + marked.compactMap { $0.network(of: containerID) })
        let ownNames = Set(names.flatMap { chainNames(network: $0, containerID: containerID) })
        let own = Set(save.chains.filter { ownNames.contains($0.name) })
        rules = marked.filter { !own.contains($0.place) }
        let foreign = save.rules.filter {
            $0.network(of: containerID) == nil && !own.contains($0.place)
        }
        let referred = Set(foreign.compactMap(\.destination))
        chains = save.chains.filter { own.contains($0) && !referred.contains($0) }
        referenced = save.chains.filter { chain in
            referred.contains(chain) && own.contains(chain)
                && save.rules.contains { $0.place == chain }
        }
    }

    /// The input of one `iptables-restore --noflush` or `ip6tables-restore --noflush`; `nil` if
    /// there is nothing to remove. The kernel takes each table as a whole or not at all.
    package var input: [UInt8]? {
        if isEmpty { return nil }
        let places = rules.map(\.table) + (chains + referenced).map(\.table)
        let tables = places.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return tables.flatMap { input(table: $0) }
    }

    private func input(table: String) -> [UInt8] {
        var input = line("*\(table)")
        for rule in rules where rule.table == table {
            input += Array("-D \(rule.chain) ".utf8) + rule.text + [newline]
        }
        for chain in chains + referenced where chain.table == table {
            input += line("-F \(chain.name)")
        }
        for chain in chains where chain.table == table { input += line("-X \(chain.name)") }
        return input + line("COMMIT")
    }
}

/// The names of a pod's chains on a network: of ipMasq, of portmap, and of an older portmap. The
/// hash fills 28 bytes (`FormatChainName` of the plugins).
package func chainNames(network: String, containerID: String) -> [String] {
    let digits = Array("0123456789abcdef".utf8)
    let hash = sha512(Array((network + containerID).utf8)).flatMap {
        [digits[Int($0 >> 4)], digits[Int($0 & 0xf)]]
    }
    return ["CNI-", "CNI-DN-", "CNI-SN-"].map { prefix in
        String(decoding: (Array(prefix.utf8) + hash).prefix(28), as: UTF8.self)
    }
}

extension IPTablesSave.Rule {
    fileprivate var place: IPTablesSave.Chain { IPTablesSave.Chain(table: table, name: chain) }

    fileprivate var destination: IPTablesSave.Chain? {
        target.map { IPTablesSave.Chain(table: table, name: $0) }
    }

    /// The network of a comment that the plugins write for that container; `nil` for any other
    /// comment. Network names have no quotes, so no other comment has this form.
    fileprivate func network(of containerID: String) -> String? {
        // A rule with a line break in another text cannot be given to iptables-restore.
        guard comments.count == 1, let comment = comments.first, !text.contains(newline) else {
            return nil
        }
        let plain = comment.after("dnat ") ?? comment.after("snat ") ?? comment
        guard let name = plain.after("name: \"")?.before("\" id: \"\(containerID)\"") else {
            return nil
        }
        return isCNIName(name) ? name : nil
    }
}

private let newline = UInt8(ascii: "\n")

private func line(_ text: String) -> [UInt8] { Array(text.utf8) + [newline] }
