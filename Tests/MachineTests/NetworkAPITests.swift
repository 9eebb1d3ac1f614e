// Networks in the API: the tables of API.md, and each refusal in words that help.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct NetworkAPI {
        @Test("a network is made, joined, listed and deleted by the table")
        func table() throws {
            try withNetwork { host, daemon, client in
                #expect(try client.send("GET", "/v1/networks/net").code == "network-unknown")
                #expect(try client.send("DELETE", "/v1/networks/net").code == "network-unknown")
                #expect(
                    try client.send("DELETE", "/v1/networks/net?allowMissing=true").status == 204)
                let body = #"{"subnet": "10.9.0.0/24", "isolate": true}"#
                let id = UUID().uuidString.lowercased()
                func put(_ body: String, _ id: String? = nil) throws -> Answer {
                    try client.send(
                        "PUT", "/v1/networks/net", body,
                        headers: id.map { ["Operation-Id": $0] } ?? [:])
                }
                let accepted = try put(body, id)
                #expect(accepted.status == 202 && accepted["kind"]?.string == "network.create")
                #expect(try put(body, id).id == id, "a retry is the same request")
                #expect(try client.follow(id).state == "succeeded")
                let network = try client.send("GET", "/v1/networks/net")
                #expect(network.state == "ready" && network["mtu"]?.integer == 0)
                #expect(network["addresses", "free"]?.integer == 253)
                #expect(try host.succeeds("ip link show \(try client.bridge(of: "net"))"))
                #expect(try put(body).uid == network.uid, "the same spec is the same network")
                #expect(try put(#"{"isolate": true}"#).status == 200, "any subnet is accepted")
                let conflict = try put(#"{"subnet": "10.9.0.0/25", "mtu": 1400}"#)
                #expect(conflict.status == 409 && conflict.code == "spec-conflict")
                #expect(conflict.pointers == ["/isolate", "/mtu", "/subnet"])
                #expect(try client.networkNames() == ["net"])

                let uid = network.uid
                #expect(
                    try client.deleteNetwork("net", query: "?uid=\(Orphans.uid)").code
                        == "uid-mismatch")
                let delete = try client.deleteNetwork("net", query: "?uid=\(uid)")
                #expect(delete.state == "succeeded" && delete["kind"]?.string == "network.delete")
                #expect(try client.deleteNetwork("net").id == delete.id, "the tombstone")
                let next = try client.putNetwork("net", body)
                #expect(next.status == 201 && next.uid != uid)
                #expect(try client.deleteNetwork("net", query: "?uid=\(uid)").id == delete.id)
                #expect(try client.send("GET", "/v1/networks/net").uid == next.uid)
            }
        }

        @Test("a network with pods is not deleted, and a pod joins only a network that is there")
        func inUse() throws {
            try withNetwork { _, daemon, client in
                func create(_ name: String, _ network: String) throws -> Answer {
                    try client.createPod(name, daemon.rootfs.server(name, network))
                }
                let unknown = try create("web", #""name": "net""#)
                #expect(unknown.status == 404 && unknown.code == "network-unknown")
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
                try client.putNetwork("net", #"{"subnet": "10.9.0.0/30"}"#)
                let six = try create("more", #""name": "net", "address6": "fd00::2""#)
                #expect(six.code == "address-refused", "\(six.reply.text)")
                #expect(try create("web", #""name": "net""#).status == 201)
                let refused = try client.deleteNetwork("net")
                #expect(refused.status == 409 && refused.code == "network-in-use")
                #expect(refused["detail"]?.string?.contains("1 pod has") == true)
                let full = try create("more", #""name": "net""#)
                #expect(full.status == 409 && full.code == "addresses-exhausted")
                let taken = try create("more", #""name": "net", "address": "10.9.0.2""#)
                #expect(taken.status == 409 && taken.code == "address-taken")
                #expect(taken["detail"]?.string?.contains("pod web") == true)
                for address in ["10.9.0.0", "10.9.0.1", "10.9.0.3", "10.9.1.2"] {
                    let outside = try create(
                        "more", #""name": "net", "address": "\#(address)""#)
                    #expect(outside.code == "address-refused", "\(outside.reply.text)")
                    #expect(outside["detail"]?.string?.contains("10.9.0.0/30") == true)
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try client.deleteNetwork("net").state == "succeeded")
            }
        }

        @Test("a subnet that a network or a route of the host has is refused, and told")
        func subnets() throws {
            try withNetwork { host, daemon, client in
                let other = try OtherHost(beside: host)
                defer { other.network.putAway() }
                // Something on the host has the first subnet that the daemon would choose.
                try host.shell("ip route add 10.88.0.0/16 via \(OtherHost.there)")
                func taken(_ name: String, _ body: String, _ words: String) throws {
                    let answer = try client.putNetwork(name, body)
                    #expect(answer.status == 409 && answer.code == "subnet-taken")
                    #expect(answer["detail"]?.string?.contains(words) == true)
                }
                try taken("a", #"{"subnet": "10.88.7.0/24"}"#, "route 10.88.0.0/16 of cable")
                try taken("a", #"{"subnet6": "2001:db8::/64"}"#, "route 2001:db8::/64 of cable")
                let chosen = try client.putNetwork("a")
                #expect(chosen["subnet"]?.string == "10.89.0.0/16")
                try taken("b", #"{"subnet": "10.89.4.0/24"}"#, "network a")
                #expect(try client.putNetwork("b")["subnet"]?.string == "10.90.0.0/16")
                try client.deleteNetwork("a")
                #expect(try client.putNetwork("c")["subnet"]?.string == "10.89.0.0/16")
            }
        }

        @Test("a host port that a pod or a program has is refused, and the refusal says by whom")
        func portTaken() throws {
            try withNetwork { host, daemon, client in
                func create(_ name: String, _ protocol: String = "tcp", _ more: String = "")
                    throws -> Answer
                {
                    let members = #""protocol": "\#(`protocol`)"\#(more)"#
                    return try client.createPod(
                        name, daemon.rootfs.server(name, ports([(8080, 80)], members)))
                }
                #expect(try create("web").status == 201)
                let second = try create("second")
                #expect(second.status == 409 && second.code == "port-taken")
                let words = "8080/tcp belongs to the pod web"
                #expect(second["detail"]?.string?.contains(words) == true)
                #expect(try create("udp", "udp").status == 201, "another protocol")
                try client.deletePod("web")
                for (type, `protocol`) in [("STREAM", "tcp"), ("DGRAM", "udp")] {
                    try client.deletePod("udp", query: "grace=0&allowMissing=true")
                    let listen = type == "STREAM" ? "s.listen()" : ""
                    let squatter = try Command.start(
                        host.launcher + [
                            "python3", "-c",
                            """
                            import socket, signal
                            s = socket.socket(socket.AF_INET, socket.SOCK_\(type))
                            s.bind(('127.0.0.1', 8080)); \(listen)
                            signal.pause()
                            """,
                        ])
                    defer {
                        kill(squatter.processIdentifier, SIGKILL)
                        squatter.waitUntilExit()
                    }
                    try eventually("the program has the port") {
                        try host.shell("cat /proc/thread-self/net/\(`protocol`)").contains(":1F90 ")
                    }
                    let refused = try create("late", `protocol`)
                    #expect(refused.status == 409 && refused.code == "port-taken")
                    let detail = refused["detail"]?.string ?? ""
                    #expect(
                        detail.contains("pid \(squatter.processIdentifier)")
                            && detail.contains("python3"), "\(detail)")
                    #expect(try client.send("GET", "/v1/pods/late").status == 404)
                }
                #expect(try create("late").status == 201, "the program has ended")
                // While the pod lives, no program gets the port.
                #expect(try !host.succeeds("timeout 1 busybox nc -l -p 8080 </dev/null"))
            }
        }

        @Test(
            "a document of a network that cannot be right is refused with a pointer",
            arguments: [
                (#"{"subnet": "10.9.0.0/31"}"#, "/subnet"),
                (#"{"subnet": "10.9.0.1/24"}"#, "/subnet"), (#"{"subnet": "x"}"#, "/subnet"),
                (#"{"subnet": "fd00::/64"}"#, "/subnet"), (#"{"subnet6": 7}"#, "/subnet6"),
                (#"{"subnet6": "fd00::/127"}"#, "/subnet6"), (#"{"mtu": 67}"#, "/mtu"),
                (#"{"mtu": 65536}"#, "/mtu"), (#"{"isolate": "yes"}"#, "/isolate"),
                (#"{"subnets": []}"#, "/subnets"), ("[]", ""),
            ])
        func badNetworks(_ body: String, _ place: String) throws {
            try withNetwork { _, _, client in
                let answer = try client.putNetwork("net", body)
                #expect(answer.status == 422 && answer.code == "invalid-document")
                #expect(answer.pointers == [place], "\(answer.reply.text)")
                #expect(try client.networkNames() == [])
            }
        }

        @Test("a pod's network that cannot be right is refused with pointers")
        func badPods() throws {
            try withNetwork { _, daemon, client in
                for (network, places) in [
                    (#"{"mode": "none", "ports": []}"#, ["/network/ports"]),
                    (#"{"mode": "bridge", "address": "fd00::1"}"#, ["/network/address"]),
                    (#"{"mode": "bridge", "name": "Not a name"}"#, ["/network/name"]),
                    (
                        #"{"mode": "bridge", "ports": [{"hostPort": 0, "containerPort": 70000}]}"#,
                        ["/network/ports/0/containerPort", "/network/ports/0/hostPort"]
                    ),
                    (
                        #"{"mode": "bridge", \#(ports([(1, 1), (2, 2), (1, 3)]))}"#,
                        ["/network/ports/2/hostPort"]
                    ),
                    (
                        #"{"mode": "bridge", \#(ports([(1, 1)], #""protocol": "icmp""#))}"#,
                        ["/network/ports/0/protocol"]
                    ),
                ] {
                    let answer = try client.createPod("web", #"{"network": \#(network)}"#)
                    #expect(answer.code == "invalid-document", "\(answer.reply.text)")
                    #expect(answer.pointers == places, "\(answer.reply.text)")
                }
                // An address that the host does not have.
                let far = ports([(8080, 80)], #""hostIP": "198.51.100.7""#)
                let answer = try client.createPod("web", daemon.rootfs.server("web", far))
                #expect(answer.code == "network-failed", "\(answer.reply.text)")
                #expect(answer["detail"]?.string?.contains("198.51.100.7") == true)
            }
        }
    }
}
