// Links, addresses and routes, as iproute2 sees them.

import CLinux
import Glibc
import Kernel
import Linux
import Netlink
import Testing

@Suite struct LinkTests {
    private let host: Net
    init() throws { host = try Net() }

    @Test("a bridge and a veth are what iproute2 shows")
    func shown() throws {
        let index = try bridge(in: host)
        let pod = try pod(2, on: index, in: host)
        let outside = try host.shell("ip -d addr")
        for part in [
            "stb0: <", "alias staunch:net", "02:42:0a:58:00:01",
            "inet 10.88.0.1/16 brd 10.88.255.255",
            "inet6 fd88::1/64 scope global nodad", "st2@if2: <", "mtu 1400",
            "alias staunch:2", "hairpin on", "numtxqueues 1", "numrxqueues 1", "master stb0",
        ] { #expect(outside.contains(part), "\(part)") }
        #expect(try host.shell("cat /proc/sys/net/ipv4/conf/stb0/route_localnet") == "1\n")
        let inside = try pod.shell("ip -d addr; ip route; ip -6 route")
        for part in [
            "lo: <LOOPBACK,UP", "2: eth0@", "02:42:0a:58:00:02", "inet 10.88.0.2/16",
            "inet6 fd88::2/64", "default via 10.88.0.1 dev eth0", "default via fd88::1 dev eth0",
            "mtu 1400", "numtxqueues 1",
        ] { #expect(inside.contains(part), "\(part)") }
    }

    @Test("a link is found by its name, with what was given to it; no link is nil")
    func found() throws {
        let index = try bridge(in: host)
        let pod = try pod(2, on: index, in: host)
        let (bridge, port, none) = try host.run {
            let route = try RouteSocket()
            return (
                try route.link(name("stb0")), try route.link(name("st2")), try route.link(name("x"))
            )
        }
        #expect(bridge?.index == index && bridge?.kind == "bridge" && bridge?.isUp == true)
        #expect(
            bridge?.alias == "staunch:net" && bridge?.mac?.description == "02:42:0a:58:00:01")
        #expect(port?.master == index && port?.kind == "veth" && port?.alias == "staunch:2")
        #expect(port?.mtu == 1400 && port?.name == "st2" && port?.group == 0)
        #expect(none == nil)
        let inside = try pod.run {
            let route = try RouteSocket()
            return try route.link(name("eth0"))
        }
        #expect(inside?.index == 2 && inside?.isUp == true)
        #expect(inside?.mac?.description == "02:42:0a:58:00:02")
    }

    @Test("links, addresses and routes are listed")
    func listed() throws {
        let index = try bridge(in: host)
        let pods = try [2, 3].map { try pod($0, on: index, in: host) }
        try host.shell("ip link add other type bridge; ip route add 10.99.0.0/16 via 10.88.0.9")
        let (all, ports, addresses, routes) = try host.run {
            let route = try RouteSocket()
            return (
                try route.links(), try route.links(of: index), try route.addresses(),
                try route.routes()
            )
        }
        #expect(Set(all.map(\.name)) == ["lo", "stb0", "st2", "st3", "other"])
        #expect(Set(ports.map(\.name)) == ["st2", "st3"])
        let own = addresses.filter { $0.link == index }.map(\.prefix)
        #expect(try Set([prefix("10.88.0.1/16"), prefix("fd88::1/64")]).isSubset(of: own))
        #expect(addresses.contains { $0.link == 1 && $0.prefix == (try? prefix("127.0.0.1/8")) })
        for destination in try ["10.88.0.0/16", "10.99.0.0/16", "fd88::/64"].map(prefix) {
            #expect(routes.contains { $0.destination == destination && $0.link == index })
        }
        #expect(!routes.contains { $0.destination.length == 32 })
        let inside = try pods[0].run {
            let route = try RouteSocket()
            return try route.routes()
        }
        #expect(inside.contains { $0.destination == (try? prefix("0.0.0.0/0")) && $0.link == 2 })
        #expect(inside.contains { $0.destination == (try? prefix("::/0")) && $0.link == 2 })
    }

    @Test("a removal takes the peer, and says whether there was a link")
    func removed() throws {
        let index = try bridge(in: host)
        let pod = try pod(2, on: index, in: host)
        let was = try host.run {
            let route = try RouteSocket()
            return [try route.remove(name("st2")), try route.remove(name("st2"))]
        }
        #expect(was == [true, false])
        #expect(try !pod.shell("ip link").contains("eth0"))
    }

    @Test("several links are removed at once, and no other group's")
    func removedTogether() throws {
        let index = try bridge(in: host)
        let pods = try (2...9).map { try pod($0, on: index, in: host) }
        // A stranger has the number that the removal would choose first.
        let taken = 0x7374_0000 ^ UInt32(bitPattern: getpid())
        try host.shell("ip link add other group \(taken) type bridge")
        let left = try host.run {
            let route = try RouteSocket()
            try route.remove([])
            try route.remove((3...20).map { try name("st\($0)") })
            try route.remove([name("st19"), name("st20")])
            return try route.links().map(\.name)
        }
        #expect(Set(left) == ["lo", "stb0", "st2", "other"])
        withExtendedLifetime(pods) {}
    }

    @Test("a failure names the request, its subject, and what the kernel says about it")
    func failures() throws {
        let index = try bridge(in: host)
        let pods = [try pod(2, on: index, in: host)]
        let second = #expect(throws: SystemCallFailure.self) { try pod(2, on: index, in: host) }
        #expect(second?.call == "RTM_NEWLINK" && second?.errno == EEXIST)
        #expect(second?.subject == "st2")
        #expect(errorNumber { _ = try bridge(in: host) } == EEXIST)
        let gateway = #expect(throws: SystemCallFailure.self) {
            try host.run {
                let route = try RouteSocket()
                try route.setUp(
                    index, name("stb0"), addresses: [prefix("10.77.0.1/24")],
                    gateways: [ip("203.0.113.1")])
            }
        }
        #expect(gateway?.call == "RTM_NEWROUTE" && gateway?.errno == ENETUNREACH)
        #expect(
            gateway?.subject == "default via 203.0.113.1 on stb0 (Nexthop has invalid gateway)")
        withExtendedLifetime(pods) {}
    }

    @Test(
        "an interface's name is what the kernel accepts",
        arguments: [
            ("eth0", true), ("st0123456789abc", true), ("st0123456789abcd", false), ("", false),
            (".", false), ("..", false), ("a/b", false), ("a:b", false), ("a b", false),
            ("a\0b", false), ("ethé", false),
        ])
    func names(text: String, isGood: Bool) { #expect((InterfaceName(text) != nil) == isGood) }

    @Test("what an earlier user of a socket left unread is not taken for an answer")
    func leftover() throws {
        let index = try bridge(in: host)
        try host.run {
            let route = try RouteSocket()
            // The replies to a dump of addresses and to a request for a link, which nothing reads.
            for type: UInt8 in [22, 18] {
                let request: [UInt8] =
                    [32, 0, 0, 0, type, 0, 1, type == 22 ? 3 : 0] + [1, 0, 0, 0] + [0, 0, 0, 0]
                    + [0, 0, 0, 0, 1, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0]
                // SAFETY: the array's storage lives for the call.
                let sent = unsafe clinux_netlink_send(
                    route.socket.descriptor.number, request, request.count)
                #expect(sent == request.count)
            }
            #expect(try route.links().count == 2)
            #expect(try route.link(name("stb0"))?.index == index)
        }
    }
}
