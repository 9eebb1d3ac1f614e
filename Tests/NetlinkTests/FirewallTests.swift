// The firewall's table, as nft(8) shows it.

import Glibc
import Kernel
import Netlink
import Testing

func table() throws -> FirewallTable { try #require(FirewallTable("staunch")) }

func element(_ content: FirewallContent, _ comment: String = "p") throws -> FirewallElement {
    try #require(FirewallElement(content, comment: comment))
}

func port(
    _ transport: Transport, _ hostPort: UInt16, of host: String? = nil, to pod: String,
    _ podPort: UInt16
) throws -> FirewallContent {
    .port(
        PublishedPort(
            hostAddress: try host.map { try ip($0) }, transport: transport, hostPort: hostPort,
            podAddress: try ip(pod), podPort: podPort))
}

func oneOfEach() throws -> [FirewallElement] {
    let (net4, net6, bridge) = (
        try prefix("10.88.0.0/16"), try prefix("fd88::/64"), try name("stb0")
    )
    let ports = [
        try port(.tcp, 8080, of: "10.0.0.1", to: "10.88.0.2", 80),
        try port(.udp, 53, to: "10.88.0.2", 5353),
        try port(.sctp, 9, of: "fd00::1", to: "fd88::2", 9),
        try port(.tcp, 8080, to: "fd88::2", 80),
    ]
    let networks: [FirewallContent] = [
        .bridge(bridge), .isolated(bridge), .sameBridge(bridge), .subnet(net4), .hairpin(net4),
        .masquerade(net4), .subnet(net6), .hairpin(net6), .masquerade(net6),
    ]
    return try ports.map { try element($0) } + networks.map { try element($0, "n") }
}

@Suite struct FirewallTests {
    private let host: Net
    init() throws { host = try Net() }

    /// The table with its rules' and elements' bytes, as nft makes them of the text.
    private func made(of text: String) throws -> String {
        let other = try Net()
        try other.shell("cat <<'END' | nft -f -\n\(text)\nEND\n")
        return try shown(in: other)
    }

    private func shown(in net: Net) throws -> String {
        let text = try net.shell(
            "nft list table inet staunch; nft --debug=netlink list table inet staunch")
        // The handles of the rules are numbers that the kernel chooses. nft begins a set of
        // intervals with an end at zero, which no interval of ours needs.
        return text.split(separator: "\n").filter { line in
            !line.contains(/^\telement [0 ]+: 1 \[end\]/)
        }.map { line in
            line.hasPrefix("inet staunch ")
                ? line.split(separator: " ").prefix(3).joined(separator: " ") : String(line)
        }.joined(separator: "\n")
    }

    /// What is in the sets, in the order of the sets.
    private func listed() throws -> [FirewallElement] {
        try host.run {
            let firewall = try NetfilterSocket()
            return try FirewallSet.allCases.flatMap { try firewall.elements(of: $0, in: table()) }
                .map { try element(try #require($0.content), $0.comment ?? "") }
        }
    }

    private func with<Result: Sendable>(
        _ body: @escaping @Sendable (borrowing NetfilterSocket) throws -> Result
    ) throws -> Result {
        try host.run {
            let firewall = try NetfilterSocket()
            return try body(firewall)
        }
    }

    @Test("the table is what nft makes of the same text, also if it is written twice")
    func asText() throws {
        try with { try $0.ensure(table()) }
        #expect(try shown(in: host) == made(of: tableText))
        try with {
            try $0.ensure(table())
            try $0.ensure(table())
        }
        #expect(try shown(in: host) == made(of: tableText))
    }

    @Test("elements are what nft makes of the same text, and are listed as they were added")
    func elementsAsText() throws {
        try with {
            try $0.ensure(table())
            try $0.add(oneOfEach(), to: table())
        }
        #expect(try shown(in: host) == made(of: tableText + "\n" + elementText))
        #expect(try listed() == oneOfEach())
        // The rules are written again, and the elements stay.
        try with { try $0.ensure(table()) }
        #expect(try shown(in: host) == made(of: tableText + "\n" + elementText))
    }

    @Test("a key that is there is EEXIST, the failure names it, and nothing else is added")
    func taken() throws {
        try with {
            try $0.ensure(table())
            try $0.add([element(port(.tcp, 80, to: "10.88.0.2", 80))], to: table())
        }
        for pod in ["10.88.0.3", "10.88.0.2"] {
            let failure = #expect(throws: SystemCallFailure.self) {
                try with {
                    try $0.add(
                        [
                            element(port(.tcp, 81, to: pod, 80)),
                            element(port(.tcp, 80, to: pod, 80)),
                            element(port(.tcp, 82, to: pod, 80)),
                        ], to: table())
                }
            }
            #expect(failure?.errno == EEXIST && failure?.call == "NFT_MSG_NEWSETELEM")
            #expect(failure?.subject.contains("anyport4 tcp port 80") == true)
        }
        #expect(try listed() == [element(port(.tcp, 80, to: "10.88.0.2", 80))])
    }

    @Test("a missing element does not keep the others")
    func missing() throws {
        let all = try oneOfEach()
        try with {
            try $0.ensure(table())
            try $0.add(Array(all.dropFirst().dropLast()), to: table())
            try $0.remove(all.dropLast(2).map(\.content), from: table())
        }
        #expect(try listed() == [all[all.count - 2]])
        try with {
            try $0.remove(all.map(\.content), from: table())
            try $0.remove(all.map(\.content), from: table())
        }
        #expect(try listed() == [])
    }

    @Test("all elements of a comment are removed, and no others")
    func byComment() throws {
        try with {
            try $0.ensure(table())
            try $0.add(oneOfEach(), to: table())
            try $0.remove("n", from: table())
        }
        #expect(try listed() == oneOfEach().filter { $0.comment == "p" })
    }

    @Test("looks at keys find the elements that are there, of whatever owner, and no others")
    func byKey() throws {
        // More than one question's.
        let ports = try (1...40).map { try element(port(.tcp, $0, to: "10.88.0.2", $0), "mine") }
        let others = try [
            element(port(.udp, 1, to: "10.88.0.3", 1)),
            element(port(.tcp, 41, to: "10.88.0.3", 1)),
        ]
        // The data of an element is no part of its key.
        let asked = try ports.map(\.content) + [port(.tcp, 41, to: "10.88.0.2", 9)]
        let look = { try self.with { try $0.elements(like: asked, in: table()) } }
        #expect(try look().isEmpty)
        try with { try $0.ensure(table()) }
        #expect(try look().isEmpty)
        try with { try $0.add(ports.dropLast(3) + others, to: table()) }
        let found = try look().map { ($0.content, $0.comment) }
        #expect(found.count == 38)
        #expect(Set(found.map(\.0)) == Set(ports.dropLast(3).map(\.content) + [others[1].content]))
        #expect(found.filter { $0.1 == "mine" }.count == 37)
    }

    @Test("after all rules were flushed, the table is written again with its elements")
    func rewritten() throws {
        let all = try oneOfEach()
        try with {
            try $0.ensure(table())
            try $0.add([element(port(.tcp, 7, to: "10.88.0.9", 7))], to: table())
            try $0.remove(of: FirewallSet.allCases, from: table())
            try $0.add(all, to: table())
        }
        #expect(try shown(in: host) == made(of: tableText + "\n" + elementText))
        try host.shell("nft flush ruleset")
        #expect(try with { try !$0.exists(table()) })
        #expect(try with { try $0.elements(of: .ports4, in: table()) }.isEmpty)
        try with {
            try $0.remove(all.map(\.content), from: table())
            try $0.ensure(table())
            try $0.add(all, to: table())
        }
        #expect(try with { try $0.exists(table()) })
        #expect(try shown(in: host) == made(of: tableText + "\n" + elementText))
        try with { try $0.removeUnused(table()) }
        #expect(try with { try $0.exists(table()) })
        try with {
            try $0.remove(all.map(\.content), from: table())
            try $0.removeUnused(table())
            try $0.removeUnused(table())
        }
        #expect(try host.shell("nft list ruleset") == "")
    }

    @Test("thousands of elements are one transaction")
    func many() throws {
        let ports = try (1...12_000).map {
            try element(port(.udp, $0, to: "10.88.0.2", $0), "many")
        }
        try with {
            try $0.ensure(table())
            try $0.add(ports, to: table())
        }
        #expect(try Set(listed()) == Set(ports))
        // One of them is taken: none is added.
        #expect(errorNumber { try with { try $0.add(ports, to: table()) } } == EEXIST)
        try with { try $0.remove(Array(ports.dropFirst(2)).map(\.content), from: table()) }
        #expect(try Set(listed()) == Set(ports.prefix(2)))
    }

    @Test(
        "networks of any length are listed as they were added",
        arguments: [["0.0.0.0/0"], ["255.255.255.255/32", "10.0.0.0/8", "11.0.0.0/8"], ["::/0"]])
    func networks(_ prefixes: [String]) throws {
        let all = try prefixes.map(prefix).flatMap {
            try [element(.subnet($0)), element(.hairpin($0)), element(.masquerade($0))]
        }
        try with {
            try $0.ensure(table())
            try $0.add(all, to: table())
        }
        #expect(try Set(listed()) == Set(all))
        #expect(errorNumber { try with { try $0.add([all[0]], to: table()) } } == EEXIST)
        try with { try $0.remove(all.map(\.content), from: table()) }
        #expect(try listed() == [])
    }

    @Test(
        "a table's name is a plain word",
        arguments: [
            ("a_1", true), ("", false), ("1a", false),
            ("a b", false), (String(repeating: "a", count: 33), false), ("é", false),
        ])
    func names(text: String, isGood: Bool) { #expect((FirewallTable(text) != nil) == isGood) }
}
