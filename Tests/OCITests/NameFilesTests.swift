// The files that tell a pod's tasks names.

import Kernel
import Model
import OCI
import Testing

@Suite struct NameFilesTests {
    private func pod(
        _ network: PodNetwork = .none, _ addresses: [String] = [], hostname: String = "web",
        dns: DNSSpec = DNSSpec(), hosts: [HostEntry] = []
    ) throws -> Pod {
        let uid = try #require(UID("019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10"))
        let name = try #require(Label("web"))
        var pod = Pod(
            uid: uid, name: name,
            spec: PodSpec(hostname: hostname, network: network, dns: dns, hosts: hosts),
            state: .ready, revision: 1, createdAt: Timestamp(milliseconds: 0))
        if !addresses.isEmpty {
            pod.interfaces = [
                PodInterface(
                    name: "eth0", mac: try #require(MACAddress("02:42:0a:58:00:07")),
                    hostInterface: "",
                    addresses: try addresses.map {
                        try #require(IPPrefix($0))
                    }, gateways: [], network: .pods, networkUID: uid)
            ]
        }
        return pod
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private let local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

    @Test("hosts has the loopback, the pod's addresses and names, and then the given entries")
    func hosts() throws {
        let entry = HostEntry(ip: try #require(IPAddress("10.0.0.9")), names: ["db", "db.x"])
        let given = try pod(
            .bridge(BridgeSpec()), ["10.88.0.7/16", "fd00::7/64"], hostname: "web.x",
            hosts: [entry])
        #expect(
            text(NameFiles.hosts(of: given, host: []))
                == local + "10.88.0.7\tweb.x web\nfd00::7\tweb.x web\n10.0.0.9\tdb db.x\n")
        #expect(
            text(NameFiles.hosts(of: try pod(), host: Array("x".utf8)))
                == local + "127.0.0.1\tweb\n")
        #expect(text(NameFiles.hostname(of: given)) == "web.x\n")
    }

    @Test("in the host's network hosts begins as the host's does", arguments: ["1.2.3.4 h", "h\n"])
    func hostsOfTheHost(_ content: String) throws {
        let made = text(NameFiles.hosts(of: try pod(.host), host: Array(content.utf8)))
        #expect(made == content + (content.hasSuffix("\n") ? "" : "\n") + "127.0.0.1\tweb\n")
    }

    private static let host = """
        # nameserver 1.1.1.1
        nameserver 127.0.0.53
        nameserver ::1
        nameserver 10.0.0.1
        nameserver fd00::1
        nameserver fe80::1%eth0
        search a
        domain b
        search c d
        options edns0  trust-ad
        options ndots:3
        """

    @Test("the host's resolver is taken without its loopback, and without IPv6 if the pod has none")
    func resolver() throws {
        let host = Array(Self.host.utf8)
        let rest = "search c d\noptions edns0 trust-ad ndots:3\n"
        let bridge = PodNetwork.bridge(BridgeSpec())
        #expect(
            text(NameFiles.resolver(of: try pod(bridge, ["10.88.0.7/16"]), host: host))
                == "nameserver 10.0.0.1\n" + rest)
        for pod in [try pod(bridge, ["10.88.0.7/16", "fd00::7/64"]), try pod()] {
            #expect(
                text(NameFiles.resolver(of: pod, host: host))
                    == "nameserver 10.0.0.1\nnameserver fd00::1\n" + rest)
        }
        #expect(text(NameFiles.resolver(of: try pod(.host), host: host)) == Self.host)
    }

    @Test("what is given replaces the host's, part by part")
    func given() throws {
        let host = Array(Self.host.utf8)
        let server = try #require(IPAddress("127.0.0.1"))
        let one = try pod(dns: DNSSpec(servers: [server]))
        #expect(
            text(NameFiles.resolver(of: one, host: host))
                == "nameserver 127.0.0.1\nsearch c d\noptions edns0 trust-ad ndots:3\n")
        let rest = try pod(.host, dns: DNSSpec(searches: ["."], options: ["use-vc"]))
        #expect(
            text(NameFiles.resolver(of: rest, host: host)).hasPrefix(
                "nameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.1\n"))
        #expect(
            text(NameFiles.resolver(of: rest, host: host)).hasSuffix(
                "search .\noptions use-vc\n"))
    }

    @Test("a network's parts come between the spec's and the host's")
    func ofNetworks() throws {
        let host = Array(Self.host.utf8)
        let server = try #require(IPAddress("10.9.0.53"))
        let networks = DNSSpec(servers: [server], searches: ["n"])
        let pod = try pod(dns: DNSSpec(searches: ["s"]))
        #expect(
            text(NameFiles.resolver(of: pod, networks: networks, host: host))
                == "nameserver 10.9.0.53\nsearch s\noptions edns0 trust-ad ndots:3\n")
    }

    @Test("a host whose servers are all on its loopback leaves none")
    func none() throws {
        let host = Array("nameserver 127.0.0.53\r\nnameserver\n".utf8)
        #expect(NameFiles.namesOnlyLoopback(host))
        #expect(!NameFiles.namesOnlyLoopback(Array("nameserver 10.0.0.1".utf8)))
        #expect(!NameFiles.namesOnlyLoopback([]))
        let made = text(NameFiles.resolver(of: try pod(), host: host))
        #expect(made.hasPrefix("# ") && !made.contains("nameserver"))
        #expect(text(NameFiles.resolver(of: try pod(), host: [0xff, 0x0a])).hasPrefix("# "))
    }
}
