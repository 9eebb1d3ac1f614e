// What other programs remove of networks is made again or is gone for good, and what crashes leave
// is removed.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct NetworkRepair {
        /// An object of a pod on a network, and the command that removes it.
        enum Part: String, CaseIterable, Sendable {
            case interface, port, entries, bridge, table

            func removal(_ pod: NetworkPod, _ bridge: String, _ mark: String) -> String {
                switch self {
                case .interface: "ip link del \(pod.hostInterface)"
                case .port: "nft flush map inet \(mark) anyport4"
                case .entries:
                    """
                    for set in bridges same_bridge subnets4 hairpin4 masquerade4; do \
                    nft flush set inet \(mark) $set || exit; done
                    """
                case .bridge: "ip link del \(bridge)"
                case .table: "nft delete table inet \(mark)"
                }
            }
        }

        static let subsets = (1..<(1 << Part.allCases.count)).map { bits in
            Part.allCases.enumerated().filter { bits & 1 << $0.offset != 0 }.map(\.element)
        }

        @Test("a pod and its network are deleted, whichever of their objects are gone already")
        func gone() throws {
            try withNetwork { host, daemon, client in
                for parts in Self.subsets {
                    try client.putNetwork("net")
                    let pod = try NetworkPod(
                        "web", client,
                        daemon.rootfs.pod(
                            "exec sleep 1000",
                            podMore: daemon.rootfs.onBridge(
                                #""name": "net", \#(ports([(8080, 80)]))"#)), answers: false)
                    let bridge = try client.bridge(of: "net")
                    for part in parts.reversed() {
                        // What another removal has taken along is gone already.
                        _ = try host.succeeds(part.removal(pod, bridge, daemon.networkMark))
                    }
                    #expect(try client.deletePod("web").state == "succeeded", "\(parts)")
                    #expect(try client.deleteNetwork("net").state == "succeeded", "\(parts)")
                    let left = daemon.census().names.filter {
                        $0.hasPrefix("link ") || $0.hasPrefix("firewall ")
                    }
                    #expect(left == [], "\(parts)")
                }
            }
        }

        @Test(
            "what another program removes of a network is in the audit, and is made again",
            arguments: [
                Part.port, .entries, .bridge, .table,
            ])
        func madeAgain(_ part: Part) throws {
            try withNetwork { host, daemon, client in
                let pod = try NetworkPod(
                    "web", client, daemon.rootfs.server("web", ports([(8080, 80)])))
                let other = try NetworkPod("other", client, daemon.rootfs.server("other"))
                let bridge = try client.bridge(of: "pods")
                let before = networkNames(daemon)
                try host.shell(part.removal(pod, bridge, daemon.networkMark))
                let kind = part == .port ? "ports" : "bridges"
                let uid =
                    part == .port
                    ? pod.answer.uid : try client.send("GET", "/v1/networks/pods").uid
                // The kernel tells the daemon of a removed table, so that needs no audit.
                if part != .table {
                    #expect(
                        try client.auditLine(kind)?["missing"]?.elements?.compactMap(\.string)
                            == [uid])
                }
                try eventually("it is there again") { networkNames(daemon) == before }
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
                #expect(try host.get("http://127.0.0.1:8080/name") == "web")
                #expect(try other.get("http://\(pod.address)/name") == "web")
                #expect(try pod.get("http://10.88.0.1:8080/name") == "web", "hairpin")
            }
        }

        private func networkNames(_ daemon: Daemon) -> Set<String> {
            daemon.census().names.filter { $0.hasPrefix("link ") || $0.hasPrefix("firewall ") }
        }

        @Test("interfaces, bridges and firewall elements without a record are removed")
        func orphans() throws {
            try withNetwork(["--audit-interval", "1"]) { host, daemon, client in
                // Rules of others stay, also if they look alike.
                try host.shell(
                    """
                    nft add table inet staunch && ip link add strange type bridge &&
                    ip link set strange alias staunch:\(Orphans.uid)
                    """)
                let pod = try NetworkPod(
                    "web", client, daemon.rootfs.server("web", ports([(8080, 80)])))
                daemon.terminate()
                // The records are lost, and with them the pod and its network.
                let store = daemon.runDirectory + "/staunch.db"
                let networks = "DELETE FROM meta WHERE key LIKE 'network %'"
                try Command.expect("sqlite3", store, "DELETE FROM pods; \(networks)")
                // A bridge that a killed helper made, and a port of a pod that never was.
                let (digits, mark) = (Orphans.uid.suffix(12), daemon.networkMark)
                try host.shell(
                    """
                    ip link add sb\(digits) type bridge &&
                    ip link set sb\(digits) alias \(mark):\(Orphans.uid) &&
                    nft 'add element inet \(mark) anyport4 { tcp . 99 comment \
                    "\(mark):\(Orphans.uid)" : 10.88.0.9 . 99 }'
                    """)
                try daemon.start()
                try eventually("all of it is gone") {
                    networkNames(daemon).isEmpty && !isRunning(Int64(pod.answer.shimPID))
                }
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
                try host.shell("nft delete table inet staunch && ip link del strange")
            }
        }

        @Test("after the loss of the run directory, objects of networks are removed at the start")
        func reboot() throws {
            try withNetwork(["--audit-interval", "1"]) { _, daemon, client in
                try client.putNetwork("net", Scenario.networkSpec)
                for name in ["a", "b"] {
                    let body = daemon.rootfs.server(name, #""name": "net", "address": null"#)
                    _ = try NetworkPod(name, client, body)
                }
                #expect(networkNames(daemon).count { $0.hasPrefix("link ") } == 3)
                try daemon.reboot()
                try eventually("all of it is gone") { networkNames(daemon).isEmpty }
                #expect(try client.networkNames() == [])
                #expect(try client.putNetwork("net", Scenario.networkSpec).status == 201)
            }
        }

        @Test("a lost pod's interface and ports are removed, and its address is free again")
        func lost() throws {
            try withNetwork { host, daemon, client in
                try client.putNetwork("tiny", #"{"subnet": "10.9.0.0/30"}"#)
                let body = daemon.rootfs.server("web", #""name": "tiny", \#(ports([(8080, 80)]))"#)
                let pod = try NetworkPod("web", client, body)
                kill(pod.answer.shimPID, SIGKILL)
                try eventually("what it held is put away") {
                    let seen = try client.send("GET", "/v1/pods/web")
                    return seen.state == "lost" && seen["operation"] == .null
                }
                let left = networkNames(daemon).filter { $0.contains(pod.answer.uid) }
                #expect(left == [])
                let next = try NetworkPod("next", client, body.replacing("web", with: "next"))
                #expect(next.address == pod.address)
                #expect(try host.get("http://127.0.0.1:8080/name") == "next")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try host.get("http://127.0.0.1:8080/name") == "next")
                #expect(try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true))
            }
        }

        @Test("the network of a pod that named none goes a while after its last pod")
        func automatic() throws {
            try withNetwork { _, daemon, client in
                let pod = try NetworkPod("web", client, daemon.rootfs.server("web"))
                let network = try client.send("GET", "/v1/networks/pods")
                #expect(network["automatic"] == .bool(true))
                #expect(network["addresses", "used"]?.integer == 1)
                try client.deletePod("web")
                let next = try NetworkPod("next", client, daemon.rootfs.server("next"))
                #expect(try client.send("GET", "/v1/networks/pods").uid == network.uid)
                #expect(next.address != pod.address, "an address is reused as late as possible")
                try client.deletePod("next")
                try eventually("it is gone", within: 15) {
                    try client.networkNames().isEmpty && networkNames(daemon).isEmpty
                }
                // A network that a client asks for stays.
                _ = try NetworkPod("web", client, daemon.rootfs.server("web"))
                #expect(try client.putNetwork("pods")["automatic"] == .bool(false))
                try client.deletePod("web")
                // A start removes unused networks at once.
                try daemon.crashAndRestart()
                try client.send("GET", "/v1/audit?fresh=true")
                #expect(try client.networkNames() == ["pods"])
            }
        }
    }
}

extension Daemon {
    /// The name of the daemon's table in the firewall.
    var networkMark: String {
        cgroupParent.dropFirst().map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
    }
}
