// Packets through the table: published ports, masquerade, isolation.

import Glibc
import Kernel
import Netlink
import Testing

@Suite struct TrafficTests {
    private let area: Neighbourhood
    init() throws { area = try Neighbourhood() }

    @Test("a published port is reached from everywhere, over both families and transports")
    func published() throws {
        let one = try pod(2, on: area.bridge, in: area.host)
        let other = try pod(3, on: area.bridge, in: area.host)
        let server = try Server(80, in: one)
        try area.publish([
            port(.tcp, 8080, to: "10.88.0.2", 80), port(.udp, 8080, to: "10.88.0.2", 80),
            port(.tcp, 8080, to: "fd88::2", 80), port(.udp, 8080, to: "fd88::2", 80),
            port(.tcp, 81, of: "192.0.2.1", to: "10.88.0.2", 80),
        ])
        for transport in [Transport.tcp, .udp] {
            // From the world, whose address the pod sees.
            #expect(try area.world.ask("192.0.2.1", 8080, transport) == "192.0.2.2")
            // From the host, at its address and at localhost.
            #expect(try area.host.ask("10.88.0.1", 8080, transport) == "10.88.0.1")
            #expect(try area.host.ask("127.0.0.1", 8080, transport) == "10.88.0.1")
            #expect(try area.host.ask("fd88::1", 8080, transport) == "fd88::1")
            // From another pod, and from the pod itself.
            #expect(try other.ask("10.88.0.1", 8080, transport) == "10.88.0.1")
            #expect(try other.ask("fd88::1", 8080, transport) == "fd88::1")
            #expect(try one.ask("10.88.0.1", 8080, transport) == "10.88.0.1")
            #expect(try one.ask("fd88::1", 8080, transport) == "fd88::1")
            // Without any translation.
            #expect(try other.ask("10.88.0.2", 80, transport) == "10.88.0.3")
        }
        #expect(try area.world.ask("192.0.2.1", 81) == "192.0.2.2")
        #expect(try area.host.ask("10.88.0.1", 81) == nil)
        withExtendedLifetime(server) {}
    }

    @Test("a pod is seen in the world with the host's address, and in its network with its own")
    func masquerade() throws {
        let one = try pod(2, on: area.bridge, in: area.host)
        let server = try Server(80, in: area.world)
        #expect(try one.ask("192.0.2.2", 80) == "192.0.2.1")
        _ = try area.with { try $0.remove(of: [.masquerade4], from: table()) }
        #expect(try one.ask("192.0.2.2", 80) == "10.88.0.2")
        withExtendedLifetime(server) {}
    }

    @Test("no pod reaches what listens at the host's 127.0.0.1")
    func loopback() throws {
        let one = try pod(2, on: area.bridge, in: area.host)
        try one.shell(
            """
            echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
            ip route del table local local 127.0.0.1 dev lo
            ip route del table local local 127.0.0.0/8 dev lo
            ip route add 127.0.0.0/8 via 10.88.0.1 src 10.88.0.2
            """)
        #expect(try !area.host.hears(one))
        // Without the rule the packet arrives.
        try area.host.shell("nft flush chain inet staunch raw_prerouting")
        #expect(try area.host.hears(one))
        try area.with { try $0.ensure(table()) }
        #expect(try !area.host.hears(one))
    }

    @Test(
        "an isolated bridge and another one do not reach each other", arguments: ["stb0", "stb1"])
    func isolation(isolated: String) throws {
        let one = try pod(2, on: area.bridge, in: area.host)
        let other = try Net()
        // A second bridge with one port, made by iproute2.
        try area.host.shell(
            """
            ip link add stb1 type bridge && ip addr add 10.89.0.1/16 dev stb1
            ip link add st9 type veth peer name eth0 netns /proc/\(getpid())/fd/\(other.descriptor)
            ip link set st9 master stb1 && ip link set st9 up && ip link set stb1 up
            """)
        try other.shell(
            """
            ip addr add 10.89.0.2/16 dev eth0 && ip link set eth0 up
            ip route add default via 10.89.0.1
            """
        )
        let servers = [try Server(80, in: one), try Server(80, in: other)]
        try area.publish([.bridge(name("stb1")), .sameBridge(name("stb1"))])
        #expect(try one.ask("10.89.0.2", 80) != nil)
        try area.publish([.isolated(name(isolated))])
        #expect(try one.ask("10.89.0.2", 80) == nil)
        #expect(try other.ask("10.88.0.2", 80) == nil)
        withExtendedLifetime(servers) {}
    }
}
