// The census sees the objects of networks, in the network namespace in which it is taken.

import Census
import Foundation
import Testing

extension Machine {
    @Suite struct NetworkCensus {
        /// One example of each object, how to make it, and its line in the census.
        enum Example: String, CaseIterable, Sendable {
            case bridge, interface, table, element, port

            func command(_ mark: String) -> String {
                let table = "nft add table inet \(mark)"
                let comment = #"comment "\#(mark):\#(Orphans.uid)""#
                return switch self {
                case .bridge:
                    "ip link add sb0 type bridge && ip link set sb0 alias \(mark):\(Orphans.uid)"
                case .interface:
                    "ip link add st0 type veth && ip link set st0 alias \(mark):\(Orphans.uid)"
                case .table: table
                case .element:
                    """
                    \(table) && nft 'add set inet \(mark) bridges { type ifname; }' && \
                    nft 'add element inet \(mark) bridges { "sb0" \(comment) }'
                    """
                case .port:
                    """
                    \(table) && nft 'add map inet \(mark) anyport4 \
                    { type inet_proto . inet_service : ipv4_addr . inet_service; }' && \
                    nft 'add element inet \(mark) anyport4 { tcp . 80 \(comment) : 10.0.0.2 . 80 }'
                    """
                }
            }

            func line(_ mark: String) -> String {
                switch self {
                case .bridge: "link sb0 bridge \(mark):\(Orphans.uid)"
                case .interface: "link st0 veth \(mark):\(Orphans.uid)"
                case .table: "firewall table \(mark)"
                case .element: "firewall bridges sb0 \(mark):\(Orphans.uid)"
                case .port: "firewall anyport4 tcp port 80 \(mark):\(Orphans.uid)"
                }
            }
        }

        @Test(
            "the census sees each object of a network, and nothing of another daemon",
            arguments: Example.allCases)
        func sees(_ example: Example) throws {
            let network = try HostNetwork()
            defer { network.putAway() }
            let home = "/tmp/staunch-test-networks-\(getpid())"
            for name in ["run", "data", "log"] { try makeDirectory("\(home)/\(name)") }
            defer { Issue.recordFailure { try Command.run("rm", "-rf", home) } }
            let marks = Census.Marks(home: home, cgroupParent: "/staunch-test_networks.1")
            let before = network.census(marks)
            #expect(before.unreadable == [])
            for mark in ["staunch_test_networks_1", "staunch_test_networks_2"] {
                try network.shell(example.command(mark))
                let came = network.census(marks).changes(since: before).came
                if mark.hasSuffix("1") {
                    #expect(came.contains(example.line(mark)), "\(came)")
                    #expect(came.allSatisfy { $0.contains(mark) })
                    try network.shell(
                        "ip link del sb0; ip link del st0; nft delete table inet \(mark); true")
                } else {
                    #expect(came == [])
                }
            }
        }

        @Test("the census sees the rules and chains of network plugins, and no other rule")
        func pluginRules() throws {
            let network = try HostNetwork()
            defer { network.putAway() }
            let marks = Census.Marks(
                runDirectory: "/nowhere/run", dataDirectory: "/nowhere/data",
                logDirectory: "/nowhere/log", cgroupParent: "/nowhere", hostNetwork: false,
                pluginRules: true, daemonToo: false)
            let before = network.census(marks)
            let chain = "CNI-DN-0123456789abcdef01234"
            let comment = #"--comment 'dnat name: "net" id: "\#(Orphans.uid)"'"#
            try network.shell(
                """
                iptables -t nat -N \(chain) && iptables -t nat -N CNI-HOSTPORT-DNAT && \
                iptables -t nat -A CNI-HOSTPORT-DNAT -p tcp -m comment \(comment) -j \(chain) && \
                iptables -t nat -A POSTROUTING -m comment --comment other -j RETURN
                """)
            #expect(
                network.census(marks).changes(since: before).came == [
                    "rule ip nat CNI-DN-0123456789abcdef01234",
                    "rule ip nat CNI-HOSTPORT-DNAT \(Orphans.uid)",
                ])
        }
    }
}
