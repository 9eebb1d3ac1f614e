// Links, addresses and routes, as iproute2 sees them.

import Glibc
import Kernel
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
            "inet6 fd88::1/64 scope global nodad", "st2@if2: <BROADCAST,MULTICAST,UP", "mtu 1400",
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
}
