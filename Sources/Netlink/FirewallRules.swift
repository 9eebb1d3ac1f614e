// The chains and rules of the table. They name sets, and never change: nft(8) shows them as the
// comments do.

import Kernel

/// A chain, and the place in the kernel that calls it.
struct FirewallChain {
    let name: String
    /// `filter` or `nat`.
    let type: String
    /// NF_INET_….
    let hook: UInt32
    let priority: Int32
    let rules: [[Expression]]

    static var all: [FirewallChain] {
        let ports = port(.ports4) + port(.anyport4) + port(.ports6) + port(.anyport6)
        return [
            FirewallChain(
                name: "raw_prerouting", type: "filter", hook: 0, priority: -300, rules: [loopback]),
            FirewallChain(name: "prerouting", type: "nat", hook: 0, priority: -100, rules: ports),
            FirewallChain(name: "output", type: "nat", hook: 3, priority: -100, rules: ports),
            FirewallChain(
                name: "postrouting", type: "nat", hook: 4, priority: 100,
                rules: sources(.v4) + [fromLoopback] + sources(.v6)),
            FirewallChain(name: "forward", type: "filter", hook: 2, priority: 0, rules: between),
        ]
    }

    /// `iifname @bridges ip daddr 127.0.0.0/8 drop`: the bridges have `route_localnet`, so without
    /// this rule a pod reaches what listens at the host's 127.0.0.1.
    private static var loopback: [Expression] {
        [.meta(.inputName, to: .first), .lookup(.bridges, .first)] + isFamily(.v4)
            + [
                .payload(.network, 16, 1, to: .first), .compare(.first, [127]), .verdict(.drop),
            ]
    }

    /// `fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports4`, and the
    /// same for the other maps.
    private static func port(_ map: FirewallSet) -> [[Expression]] {
        let family: IPAddress.Family = map == .ports4 || map == .anyport4 ? .v4 : .v6
        // RTN_LOCAL is 2.
        let isLocal: [Expression] = [
            .destinationType(to: .first), .compare(.first, [UInt8](host: 2 as UInt32)),
        ]
        let key: [Expression]
        if map == .anyport4 || map == .anyport6 {
            key = [
                .meta(.transportProtocol, to: .first),
                .payload(.transport, 2, 2, to: .firstWord1),
            ]
        } else {
            let (transport, port): (Expression.Register, Expression.Register) =
                family == .v4 ? (.firstWord1, .firstWord2) : (.second, .secondWord1)
            key =
                isFamily(family) + [
                    family.destination, .meta(.transportProtocol, to: transport),
                    .payload(.transport, 2, 2, to: port),
                ]
        }
        let translation: [Expression] = [
            .lookup(map, .first, to: .first),
            .dnat(Family.number(family), .first, family == .v4 ? .firstWord1 : .second),
        ]
        return [isLocal + key + translation]
    }

    /// `ip saddr @masquerade4 ip daddr != @subnets4 masquerade`, and
    /// `ct status dnat ip saddr . ip daddr @hairpin4 masquerade`.
    private static func sources(_ family: IPAddress.Family) -> [[Expression]] {
        let (masquerade, subnets, hairpin): (FirewallSet, FirewallSet, FirewallSet) =
            family == .v4
            ? (.masquerade4, .subnets4, .hairpin4) : (.masquerade6, .subnets6, .hairpin6)
        let outwards: [Expression] =
            isFamily(family) + [
                family.source(to: .first), .lookup(masquerade, .first), family.destination,
                .lookup(subnets, .first, isNot: true), .masquerade,
            ]
        let within: [Expression] =
            isTranslated + isFamily(family) + [
                family.source(to: .first),
                family.destination(to: family == .v4 ? .firstWord1 : .second),
                .lookup(hairpin, .first), .masquerade,
            ]
        return [outwards, within]
    }

    /// `ct status dnat ip saddr 127.0.0.0/8 oifname @bridges masquerade`.
    private static var fromLoopback: [Expression] {
        isTranslated + isFamily(.v4) + [
            .payload(.network, 12, 1, to: .first), .compare(.first, [127]),
            .meta(.outputName, to: .first), .lookup(.bridges, .first), .masquerade,
        ]
    }

    /// `iifname . oifname @same_bridge accept`, `iifname @isolated oifname @bridges drop`, and
    /// `iifname @bridges oifname @isolated drop`.
    private static var between: [[Expression]] {
        [
            [
                .meta(.inputName, to: .first), .meta(.outputName, to: .second),
                .lookup(.sameBridge, .first), .verdict(.accept),
            ],
            crossing(.isolated, .bridges), crossing(.bridges, .isolated),
        ]
    }

    private static func crossing(_ from: FirewallSet, _ to: FirewallSet) -> [Expression] {
        [
            .meta(.inputName, to: .first), .lookup(from, .first),
            .meta(.outputName, to: .first), .lookup(to, .first), .verdict(.drop),
        ]
    }

    /// `ct status dnat`; IPS_DST_NAT is 0x20.
    private static var isTranslated: [Expression] {
        [
            .connectionStatus(to: .first), .mask(.first, 0x20),
            .compare(.first, isNot: true, [UInt8](host: 0 as UInt32)),
        ]
    }

    private static func isFamily(_ family: IPAddress.Family) -> [Expression] {
        [.meta(.networkProtocol, to: .first), .compare(.first, [Family.number(family)])]
    }
}

/// The addresses in the header of a packet.
extension IPAddress.Family {
    fileprivate func source(to register: Expression.Register) -> Expression {
        self == .v4
            ? .payload(.network, 12, 4, to: register) : .payload(.network, 8, 16, to: register)
    }

    fileprivate func destination(to register: Expression.Register) -> Expression {
        self == .v4
            ? .payload(.network, 16, 4, to: register) : .payload(.network, 24, 16, to: register)
    }

    fileprivate var destination: Expression { destination(to: .first) }
}
