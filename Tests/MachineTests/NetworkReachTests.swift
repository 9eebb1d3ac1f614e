// Who reaches whom, and with which address.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct NetworkReach {
        /// What happens to the daemon between the creates and the look.
        enum Moment: String, CaseIterable, Sendable {
            case before = "before a restart"
            case terminated = "after a restart"
            case killed = "after kill -9 and a restart"
            case upgraded = "after kill -9 and an upgrade of the shim's program"
            case flushed = "after the firewall was flushed and audited"
            case bridgeless = "after the bridge was removed and audited"
        }

        @Test(
            "pods and host ports are reached from everywhere, and other hosts' addresses are kept",
            arguments: Moment.allCases)
        func reaches(_ moment: Moment) throws {
            try withNetwork { host, daemon, client in
                let other = try OtherHost(beside: host)
                defer { other.network.putAway() }
                try client.putNetwork("dual", #"{"subnet6": "fd88::/64"}"#)
                let pairs = ports([(8080, 80)])
                let web = try NetworkPod(
                    "web", client, daemon.rootfs.server("web", #""name": "dual", \#(pairs)"#))
                let peer = try NetworkPod(
                    "peer", client, daemon.rootfs.server("peer", #""name": "dual""#))
                try pass(moment, host, daemon, client)
                try expectReached(web, peer, host, other.network)
                guard moment == .upgraded else { return }
                // A census compares the run directory, which contains the program.
                try daemon.deleteEverything()
                daemon.shim = Installation.shim
                try daemon.crashAndRestart()
                try eventually("the newer program is gone") {
                    names(in: daemon.runDirectory + "/bin").count == 1
                }
            }
        }

        private func pass(
            _ moment: Moment, _ host: HostNetwork, _ daemon: Daemon, _ client: Client
        ) throws {
            switch moment {
            case .before: break
            case .terminated:
                daemon.terminate()
                try daemon.start()
            case .killed: try daemon.crashAndRestart()
            case .upgraded:
                daemon.crash()
                daemon.shim = daemon.home + "/newer-shim"
                try Command.expect("cp", Installation.shim, daemon.home + "/newer-shim")
                try Command.expect("sh", "-c", "echo >>\(daemon.home)/newer-shim")
                try daemon.start()
            case .flushed:
                let table = "nft list table inet \(daemon.networkMark)"
                try host.shell("nft flush ruleset")
                // The kernel tells the daemon, so no audit is needed.
                try eventually("the table is there again") {
                    try host.succeeds("\(table) | grep -q 'tcp . 8080'")
                }
            case .bridgeless:
                try host.shell("ip link del \(try client.bridge(of: "dual"))")
                #expect(try client.auditLine("bridges")?["missing"]?.elements?.count == 1)
            }
            try eventually("the audit is balanced") {
                try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
            }
        }

        private func expectReached(
            _ web: NetworkPod, _ peer: NetworkPod, _ host: HostNetwork, _ other: HostNetwork
        ) throws {
            #expect(web.addresses.count == 2)
            for address in web.addresses {
                let place = address.contains(":") ? "[\(address)]" : address
                #expect(try peer.get("http://\(place)/name") == "web", "the pod's address")
                #expect(
                    try peer.get("http://\(place)/cgi-bin/who").map(plain)
                        == peer.addresses.first { $0.contains(":") == address.contains(":") })
                #expect(try host.get("http://\(place)/name") == "web", "from the host")
            }
            let gateways = (web.answer["interfaces"]?.elements?.first?["gateways"]?.elements ?? [])
                .compactMap(\.string)
            let places =
                ["127.0.0.1", OtherHost.here, "[\(OtherHost.here6)]"]
                + gateways.map { $0.contains(":") ? "[\($0)]" : $0 }
            for place in places {
                let url = "http://\(place):8080"
                #expect(try host.get("\(url)/name") == "web", "\(place), from the host")
                guard place != "127.0.0.1" else { continue }
                #expect(try peer.get("\(url)/name") == "web", "\(place), from a pod")
                #expect(try web.get("\(url)/name") == "web", "\(place), from itself")
            }
            for (place, source) in [
                (OtherHost.here, OtherHost.there), ("[\(OtherHost.here6)]", OtherHost.there6),
            ] {
                let seen = try other.get("http://\(place):8080/cgi-bin/who")
                #expect(seen.map(plain) == source, "\(place), from another host")
            }
        }

        @Test("a pod reaches another one by a name of its hosts, and itself by its own name")
        func reachesByName() throws {
            try withNetwork { _, daemon, client in
                let web = try NetworkPod("web", client, daemon.rootfs.server("web"))
                let script = """
                    mkdir -p /tmp/a/cgi-bin && cd /tmp/a && echo own >name && httpd -p 80 -h .
                    for url in db.example/name \(web.address)/name $(hostname)/name box/name; do
                        wget -q -O - http://$url; done
                    grep -w box /etc/hosts | cut -f1; exec sleep 1000
                    """
                let hosts = #"[{"ip": "\#(web.address)", "names": ["db", "db.example"]}]"#
                let more =
                    daemon.rootfs.onBridge() + #", "hostname": "box", "hosts": \#(hosts)"#
                let peer = try NetworkPod(
                    "peer", client, daemon.rootfs.pod(script, podMore: more), answers: false)
                let log = "\(daemon.logDirectory)/\(peer.answer.uid)/app.log"
                let wanted = ["web", "web", "own", "own", peer.address]
                try eventually("all have answered", within: 10) {
                    (text(of: log) ?? "").split(separator: "\n").compactMap {
                        $0.split(separator: " ").last.map(String.init)
                    } == wanted
                }
            }
        }

        @Test("packets to other hosts have the host's address, if the network masquerades")
        func masquerades() throws {
            try withNetwork { host, daemon, client in
                let other = try OtherHost(beside: host)
                defer { other.network.putAway() }
                try client.putNetwork("open", #"{"subnet": "10.99.0.0/24", "masquerade": false}"#)
                let plainPod = try NetworkPod(
                    "a", client, daemon.rootfs.server("a", #""name": "open""#))
                let hidden = try NetworkPod("b", client, daemon.rootfs.server("b"))
                try other.network.shell("ip route add 10.99.0.0/24 via \(OtherHost.here)")
                let server = try Server(in: other.network, daemon.rootfs)
                defer { server.putAway() }
                let url = "http://\(OtherHost.there):8000/cgi-bin/who"
                #expect(try plainPod.get(url).map(plain) == plainPod.address)
                #expect(try hidden.get(url).map(plain) == OtherHost.here)
                // Between networks the address stays.
                #expect(
                    try hidden.get("http://\(plainPod.address)/cgi-bin/who").map(plain)
                        == hidden.address)
            }
        }

        @Test("an isolated network reaches no other one and is not reached; others talk")
        func isolates() throws {
            try withNetwork { host, daemon, client in
                try client.putNetwork("apart", #"{"isolate": true}"#)
                try client.putNetwork("other")
                func pod(_ name: String, _ network: String, _ more: String = "") throws
                    -> NetworkPod
                {
                    try NetworkPod(
                        name, client, daemon.rootfs.server(name, #""name": "\#(network)"\#(more)"#))
                }
                let apart = try pod("a", "apart")
                let sibling = try pod("b", "apart")
                let other = try pod("c", "other")
                let more = try pod("d", "pods")
                #expect(try apart.get("http://\(sibling.address)/name") == "b")
                #expect(try apart.get("http://\(other.address)/name") == nil)
                #expect(try other.get("http://\(apart.address)/name") == nil)
                #expect(try other.get("http://\(more.address)/name") == "d")
                #expect(try more.get("http://\(other.address)/name") == "c")
                #expect(try host.get("http://\(apart.address)/name") == "a")
            }
        }

        @Test("a UDP service that is replaced behind its port answers at once")
        func udp() throws {
            try withNetwork { host, daemon, client in
                let other = try OtherHost(beside: host)
                defer { other.network.putAway() }
                let sleeper = daemon.rootfs.pod(
                    "exec sleep 1000",
                    podMore: daemon.rootfs.onBridge(ports([(5353, 53)], #""protocol": "udp""#)))
                for name in ["one", "two", "three"] {
                    let pod = try NetworkPod(name, client, sleeper, answers: false)
                    let echo = try pod.start(
                        "python3", "-c",
                        """
                        import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        s.bind(('', 53))
                        while True: s.sendto(b'\(name)', s.recvfrom(9)[1])
                        """)
                    defer {
                        kill(echo.processIdentifier, SIGKILL)
                        echo.waitUntilExit()
                    }
                    try eventually("\(name) listens") {
                        try pod.shell("cat /proc/thread-self/net/udp").contains(":0035 ")
                    }
                    // The same source port each time: a tracked connection would lead to the
                    // pod before.
                    let ask = """
                        import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        s.bind(('', 4000)); s.settimeout(2)
                        s.sendto(b'?', ('\(OtherHost.here)', 5353))
                        print(s.recv(9).decode())
                        """
                    let said = try Command.run(other.network.launcher + ["python3", "-c", ask])
                    #expect(said.output == name + "\n")
                    try client.deletePod(name)
                    let after = try host.shell("conntrack -L 2>/dev/null || true")
                    #expect(!after.contains(pod.address), "\(after)")
                    // Meanwhile the host itself gets the datagrams, and tracks that.
                    try Command.run(other.network.launcher + ["python3", "-c", ask])
                }
            }
        }

        @Test("a host port with an address of the host is only there")
        func hostIP() throws {
            try withNetwork { host, daemon, client in
                let other = try OtherHost(beside: host)
                defer { other.network.putAway() }
                let here = ports([(8080, 80)], #""hostIP": "\#(OtherHost.here)""#)
                _ = try NetworkPod("here", client, daemon.rootfs.server("here", here))
                let local = ports([(8080, 80)], #""hostIP": "127.0.0.1""#)
                _ = try NetworkPod("local", client, daemon.rootfs.server("local", local))
                let any = ports([(8081, 80)], #""hostIP": "0.0.0.0""#)
                _ = try NetworkPod("any", client, daemon.rootfs.server("any", any))
                #expect(try host.get("http://\(OtherHost.here):8080/name") == "here")
                #expect(try other.network.get("http://\(OtherHost.here):8080/name") == "here")
                #expect(try host.get("http://127.0.0.1:8080/name") == "local")
                #expect(try host.get("http://127.0.0.1:8081/name") == "any")
                #expect(try other.network.get("http://\(OtherHost.here):8081/name") == "any")
                let taken = try client.createPod("late", daemon.rootfs.server("late", here))
                #expect(taken.status == 409 && taken.code == "port-taken")
                #expect(taken["detail"]?.string?.contains("here") == true)
            }
        }

        @Test("the requested address and the MTU are the interface's")
        func requested() throws {
            try withNetwork { host, daemon, client in
                try client.putNetwork(
                    "net", #"{"subnet": "10.9.0.0/24", "subnet6": "fd09::/64", "mtu": 1300}"#)
                let pod = try NetworkPod(
                    "web", client,
                    daemon.rootfs.server(
                        "web", #""name": "net", "address": "10.9.0.77", "address6": "fd09::4d""#))
                #expect(pod.addresses == ["10.9.0.77", "fd09::4d"])
                let link = try pod.shell("ip addr show dev eth0")
                #expect(link.contains(" mtu 1300 "), "\(link)")
                #expect(link.contains("inet 10.9.0.77/24"), "\(link)")
                #expect(link.contains("inet6 fd09::4d/64"), "\(link)")
                #expect(link.contains("ether \(mac(pod))"), "\(link)")
                #expect(try host.shell("ip link show \(pod.hostInterface)").contains(" mtu 1300 "))
                #expect(try host.get("http://[fd09::4d]/name") == "web")
            }
        }

        private func mac(_ pod: NetworkPod) -> String {
            pod.answer["interfaces"]?.elements?.first?["mac"]?.string ?? "no MAC address"
        }

        @Test("a pod has 200 host ports, and none after its end")
        func manyPorts() throws {
            try withNetwork { host, daemon, client in
                let pairs = (0..<200).map { (20_000 + $0, 80) }
                _ = try NetworkPod("web", client, daemon.rootfs.server("web", ports(pairs)))
                for port in [20_000, 20_117, 20_199] {
                    #expect(try host.get("http://127.0.0.1:\(port)/name") == "web")
                }
                try client.deletePod("web")
                #expect(!(try host.shell("nft list ruleset")).contains("20117"))
                #expect(try host.get("http://127.0.0.1:20117/name") == nil)
            }
        }
    }
}

/// An address, also if it is shown as an IPv6 address that contains an IPv4 address.
private func plain(_ address: String) -> String {
    let bare = address.trimmingCharacters(in: ["[", "]"])
    return bare.hasPrefix("::ffff:") ? String(bare.dropFirst(7)) : bare
}

/// An HTTP server in a network namespace: `/cgi-bin/who` at port 8000 is the client's address.
private struct Server {
    private let process: Process

    init(in network: HostNetwork, _ rootfs: Rootfs) throws {
        let directory = rootfs.path + "/../server"
        try makeDirectory(directory + "/cgi-bin")
        try write("#!/bin/sh\necho; echo \"$REMOTE_ADDR\"\n", to: directory + "/cgi-bin/who")
        try Command.expect("chmod", "+x", directory + "/cgi-bin/who")
        process = try Command.start(
            network.launcher + ["busybox", "httpd", "-f", "-p", "8000", "-h", directory])
        try eventually("the server answers") {
            try network.get("http://127.0.0.1:8000/cgi-bin/who") != nil
        }
    }

    func putAway() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
