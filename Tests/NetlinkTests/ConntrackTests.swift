// Connections are removed by address and by port, with the kernel's filter and without.

import Glibc
import Kernel
import Testing

@testable import Netlink

@Suite struct ConntrackTests {
    private let area: Neighbourhood
    init() throws { area = try Neighbourhood() }

    private func count(_ filter: ConntrackFilter) throws -> Int {
        try area.with { try $0.count(filter) }
    }

    @Test(
        "the connections of an address go, and the others stay",
        arguments: [true, false], ["10.88.0", "fd88:"])
    func byAddress(usesFilter: Bool, network: String) throws {
        let separator = network == "fd88:" ? ":" : "."
        let (first, second) = ("\(network)\(separator)2", "\(network)\(separator)3")
        let one = try pod(2, on: area.bridge, in: area.host)
        let other = try pod(3, on: area.bridge, in: area.host)
        let servers = [
            try Server(80, in: one), try Server(80, in: other), try Server(80, in: area.host),
        ]
        try area.publish([port(.udp, 8080, to: first, 80), port(.udp, 8081, to: second, 80)])
        let gateway = "\(network)\(separator)1"
        // The pod begins a connection, and answers one to its published port; so does the other.
        for pod in [one, other] { #expect(try pod.ask(gateway, 80, .udp) != nil) }
        for port in [8080, 8081] { #expect(try area.host.ask(gateway, port, .udp) != nil) }
        let mine: [ConntrackFilter] = [.begun(by: try ip(first)), .answered(by: try ip(first))]
        let others: [ConntrackFilter] = [.begun(by: try ip(second)), .answered(by: try ip(second))]
        for filter in mine + others { #expect(try count(filter) >= 1, "\(filter)") }
        let before = try others.map(count)
        try area.with { usesFilter ? try $0.flush(mine) : try $0.flushEach(mine) }
        #expect(try mine.map(count) == [0, 0])
        #expect(try others.map(count) == before)
        withExtendedLifetime(servers) {}
    }

    @Test(
        "the connections to a port of the host go, and those to other ports and addresses stay",
        arguments: [true, false])
    func byPort(usesFilter: Bool) throws {
        let one = try pod(2, on: area.bridge, in: area.host)
        let servers = [try Server(80, in: one), try Server(8080, in: area.world)]
        try area.publish([
            port(.udp, 8080, to: "10.88.0.2", 80), port(.tcp, 8080, to: "10.88.0.2", 80),
            port(.udp, 8081, to: "10.88.0.2", 80),
        ])
        #expect(try area.world.ask("192.0.2.1", 8080, .udp) != nil)
        #expect(try area.world.ask("192.0.2.1", 8080, .tcp) != nil)
        #expect(try area.world.ask("192.0.2.1", 8081, .udp) != nil)
        #expect(try one.ask("192.0.2.2", 8080, .udp) != nil)
        let mine = ConntrackFilter.published(.udp, 8080, at: try ip("192.0.2.1"))
        let others: [ConntrackFilter] = [
            .published(.tcp, 8080, at: try ip("192.0.2.1")),
            .published(.udp, 8081, at: try ip("192.0.2.1")),
            .published(.udp, 8080, at: try ip("192.0.2.2")),
        ]
        #expect(try count(mine) == 1)
        #expect(try others.map(count) == [1, 1, 1])
        try area.with { usesFilter ? try $0.flush([mine]) : try $0.flushEach([mine]) }
        #expect(try count(mine) == 0)
        #expect(try others.map(count) == [1, 1, 1])
        // conntrack(8) sees the same.
        let text = try area.host.shell("conntrack -L -p udp 2>/dev/null")
        #expect(!text.contains(/dst=192.0.2.1 sport=\d+ dport=8080/))
        #expect(text.contains(/dst=192.0.2.1 sport=\d+ dport=8081/))
        withExtendedLifetime(servers) {}
    }

    @Test("nothing to remove is no failure")
    func nothing() throws {
        try area.with {
            try $0.flush([.begun(by: ip("203.0.113.1")), .answered(by: ip("2001:db8::1"))])
            try $0.flush([.published(.udp, 1, at: ip("203.0.113.1"))])
        }
        #expect(try count(.begun(by: try ip("203.0.113.1"))) == 0)
    }
}
