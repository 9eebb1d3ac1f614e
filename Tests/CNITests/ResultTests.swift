// Results of ADD: what is read of them, and their other versions.

import JSON
import Kernel
import Testing

@testable import CNI

@Suite struct ResultTests {
    private let full = """
        {"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:01"},
        {"name":"veth1","mac":"02:00:00:00:00:02","mtu":1500,"socketPath":"/s","pciID":"p"},
        {"name":"eth0","mac":"02:00:00:00:00:03","sandbox":"/proc/7/ns/net"}],
        "ips":[{"address":"10.0.0.2/24","gateway":"10.0.0.1","interface":2},
        {"address":"fd00::2/64","gateway":"fd00::1","interface":2},
        {"address":"10.9.9.9/24","interface":0}],
        "routes":[{"dst":"0.0.0.0/0"},{"dst":"10.1.0.0/16","gw":"10.0.0.9","mtu":1400,"advmss":1300,
        "priority":5,"table":100,"scope":253}],
        "dns":{"nameservers":["10.0.0.1"],"domain":"d","search":["s"],"options":["o"]},"own":7}
        """

    private func read(_ text: String, _ asked: String = "1.1.0") throws -> AddResult {
        try AddResult.parse(bytes(text), asked: version(asked))
    }

    private func failure(_ text: String) throws -> PluginFailure {
        let asked = try version("1.1.0")
        do throws(PluginFailure) { _ = try AddResult.parse(bytes(text), asked: asked) } catch {
            return error
        }
        throw PluginFailure.noOutput(stderr: "accepted: \(text)")
    }

    @Test("the pod's interface has its addresses, its gateway, and its end on the host")
    func attached() throws {
        let interface = try read(full).attached("eth0")
        #expect(interface.mac == "02:00:00:00:00:03" && interface.hostInterface == "veth1")
        #expect(interface.addresses.map(\.description) == ["10.0.0.2/24", "fd00::2/64"])
        #expect(interface.gateway == IPAddress("10.0.0.1"))
        #expect(interface.dns.nameservers == ["10.0.0.1"] && interface.dns.domain == "d")
        #expect(interface.dns.searches == ["s"] && interface.dns.options == ["o"])
    }

    @Test("routes and the details of 1.1.0 are read")
    func details() throws {
        let result = try read(full)
        let route = try #require(result.routes.last)
        #expect(route.destination.description == "10.1.0.0/16" && route.gateway != nil)
        #expect([route.mtu, route.advertisedMSS, route.priority] == [1400, 1300, 5])
        #expect([route.table, route.scope] == [100, 253])
        #expect(result.interfaces.map(\.mtu) == [nil, 1500, nil])
    }

    @Test("a result without the pod's interface gives it every address without an interface")
    func hostEndOnly() throws {
        let calico = try read(
            #"{"interfaces":[{"name":"cali1"}],"ips":[{"address":"10.0.0.2/32"}]}"#)
        let interface = calico.attached("eth0")
        #expect(interface.name == "eth0" && interface.mac == nil)
        #expect(interface.hostInterface == "cali1")
        #expect(interface.addresses.map(\.description) == ["10.0.0.2/32"])
        let macvlan = try read(#"{"interfaces":[{"name":"eth0","sandbox":"/n"}]}"#)
        #expect(macvlan.attached("eth0").hostInterface == nil)
    }

    @Test("absent, null and empty members are the same")
    func absent() throws {
        let result = try read(
            #"{"interfaces":null,"ips":[{"address":"10.0.0.2/24","gateway":""}],"#
                + #""routes":null,"dns":{}}"#
        )
        #expect(result.interfaces.isEmpty && result.routes.isEmpty && result.dns == ResultDNS())
        #expect(result.addresses.map(\.gateway) == [nil])
        #expect(try read("{}", "0.4.0").version == version("0.4.0"))
    }

    @Test(
        "a result is converted to each version and back",
        arguments: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func conversions(_ other: String) throws {
        let result = try read(full)
        let converted = try read(text(result.bytes(as: version(other))))
        #expect(converted.version == (try version(other)))
        let families = converted.document["ips"]?.elements?.map { $0["version"]?.string }
        #expect(families == (other.begins0 ? ["4", "6", "4"] : [nil, nil, nil]))
        let hasDetails = other == "1.1.0"
        #expect((converted.routes.last?.mtu != nil) == hasDetails)
        #expect((converted.document["interfaces"]?.elements?[1]["pciID"] != nil) == hasDetails)
        #expect(converted.document["own"] == .integer(7))
        #expect(converted.attached("eth0") == result.attached("eth0"))
        let back = try read(text(converted.bytes(as: version("1.1.0"))))
        #expect(back.document["ips"] == result.document["ips"])
    }

    @Test(
        "a malformed result is refused with its place",
        arguments: [
            ("[]", ""), (#"{"interfaces":{}}"#, "/interfaces"), (#"{"ips":[7]}"#, "/ips/0"),
            (#"{"ips":[{}]}"#, "/ips/0/address"), (#"{"ips":[{"address":7}]}"#, "/ips/0/address"),
            (#"{"ips":[{"address":"10.0.0.1"}]}"#, "/ips/0/address"),
            (#"{"ips":[{"address":"10.0.0.1/24","gateway":"x"}]}"#, "/ips/0/gateway"),
            (#"{"ips":[{"address":"10.0.0.1/24","interface":0}]}"#, "/ips/0/interface"),
            (#"{"ips":[{"address":"10.0.0.1/24","interface":-1}]}"#, "/ips/0/interface"),
            (#"{"interfaces":[{"name":1}]}"#, "/interfaces/0/name"),
            (#"{"interfaces":[{"mtu":"1500"}]}"#, "/interfaces/0/mtu"),
            (#"{"routes":[{"dst":"default"}]}"#, "/routes/0/dst"),
            (#"{"dns":[]}"#, "/dns"), (#"{"dns":{"search":"a"}}"#, "/dns/search"),
            (#"{"dns":{"nameservers":[1]}}"#, "/dns/nameservers"),
            (#"{"cniVersion":1}"#, "/cniVersion"),
        ])
    func malformed(_ text: String, _ place: String) throws {
        guard case .malformed(let pointer, let detail) = try failure(text) else {
            Issue.record("\(text) is refused for another reason")
            return
        }
        #expect(pointer.text == place && !detail.isEmpty)
    }

    @Test(
        "a version that has another form of result is refused", arguments: ["0.2.0", "1.2.0", "x"])
    func versions(_ answered: String) throws {
        let failure = try failure(#"{"cniVersion":"\#(answered)"}"#)
        #expect(failure == .otherVersion(answered: answered, asked: try version("1.1.0")))
        #expect(failure.detail.contains(answered))
    }
}

extension String {
    fileprivate var begins0: Bool { utf8.first == UInt8(ascii: "0") }
}
