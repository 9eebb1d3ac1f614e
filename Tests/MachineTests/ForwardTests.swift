// Connections to ports of pods.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Forwards {
        private func open(
            _ daemon: Daemon, _ port: String, early: String = "", headers: String? = nil
        ) throws -> (wire: Wire, head: Reply) {
            let wire = try Wire(path: daemon.socket)
            let upgrade = headers ?? "Connection: Upgrade\r\nUpgrade: tcp\r\n"
            try wire.send(
                "POST /v1/pods/web/forward?port=\(port) HTTP/1.1\r\nHost: localhost\r\n\(upgrade)"
                    + "\r\n\(early)")
            let head = try #require(try wire.receiveHead())
            return (wire, head)
        }

        private func rest(_ wire: Wire) throws -> String {
            var bytes: [UInt8] = []
            while let byte = try? wire.take(1) { bytes += byte }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// A pod whose task answers each connection with what it gets, in capitals, to its end.
        private func serve(
            _ daemon: Daemon, _ client: Client, _ script: String = "tr a-z A-Z", more: String = ""
        ) throws -> Answer {
            let task = "echo '\(script)' >/serve; exec nc -ll -p 80 -e sh /serve"
            let pod = try client.createPod("web", daemon.rootfs.pod(task, podMore: more))
            try eventually("it listens") {
                let (wire, head) = try open(daemon, "80")
                wire.finishSending()
                return head.status == 101
            }
            return pod
        }

        static let modes = [#""network": {"mode": "none"}"#, #""network": {"mode": "bridge"}"#]

        @Test(
            "a client talks to a port of the pod, and each direction ends alone", arguments: modes)
        func talks(_ mode: String) throws {
            try withDaemon { daemon, client in
                _ = try serve(daemon, client, more: mode)
                let (wire, head) = try open(daemon, "80", early: "early ")
                #expect(head.status == 101 && head[header: "upgrade"] == "tcp")
                try wire.send("and late\n")
                wire.finishSending()
                #expect(try rest(wire) == "EARLY AND LATE\n")
                try eventually("no helper is left") { daemon.forwarders == [] }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a connection outlives the daemon, and ends with the pod")
        func outlives() throws {
            try withDaemon { daemon, client in
                _ = try serve(daemon, client, "cat")
                let (wire, _) = try open(daemon, "80")
                try wire.send("one\n")
                #expect(try wire.take(4) == Array("one\n".utf8))
                daemon.crash()
                try wire.send("two\n")
                #expect(try wire.take(4) == Array("two\n".utf8))
                try daemon.start()
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try rest(wire) == "")
                try eventually("no helper is left") { daemon.forwarders == [] }
                #expect(daemon.leftovers() == [])
            }
        }

        @Test(
            "a connection that its client does not read ends with the pod or the shim",
            arguments: [false, true])
        func unread(_ isKilled: Bool) throws {
            try withDaemon { daemon, client in
                let pod = try serve(daemon, client, "cat /dev/zero")
                let (wire, _) = try open(daemon, "80")
                _ = try wire.take(1)
                // A helper outside of the pod's cgroup is not among them.
                var helpers: [Int32] = []
                try eventually("a helper carries it") {
                    helpers = daemon.forwarders
                    return !helpers.isEmpty
                }
                if isKilled {
                    kill(pod.shimPID, SIGKILL)
                } else {
                    #expect(try client.deletePod("web").state == "succeeded")
                }
                // What is unread would keep a helper that only carries bytes.
                try eventually("no helper is left") {
                    helpers.allSatisfy { !exists("/proc/\($0)") } && daemon.forwarders == []
                }
                _ = try rest(wire)
                #expect(try client.deletePod("web", query: "allowMissing=true").status < 300)
                #expect(daemon.leftovers() == [])
            }
        }

        @Test("much is carried both ways, and a client that reads nothing costs little")
        func much() throws {
            try withDaemon { daemon, client in
                _ = try serve(daemon, client, "head -c 20000000 /dev/zero")
                let (wire, _) = try open(daemon, "80")
                try eventually("a helper carries it") { !daemon.forwarders.isEmpty }
                for helper in daemon.forwarders {
                    #expect(anonymousKibibytes(of: helper) ?? .max < 2048)
                }
                #expect(try wire.take(20_000_000).count == 20_000_000)
                wire.finishSending()
                #expect(try rest(wire) == "")
            }
        }

        static let refused: [(String, String?, Int, String)] = [
            ("81", nil, 502, "port-refused"), ("0", nil, 400, "malformed-request"),
            ("65536", nil, 400, "malformed-request"), ("x", nil, 400, "malformed-request"),
            ("80", "", 400, "malformed-request"),
            ("80", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 400, "malformed-request"),
        ]

        @Test("a connection that is not possible is refused", arguments: refused)
        func refuses(_ port: String, _ headers: String?, _ status: Int, _ code: String) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let (wire, head) = try open(daemon, port, headers: headers)
                #expect(head.status == status)
                let size = head[header: "content-length"].flatMap { Int($0) } ?? 0
                let body = try JSONValue.parse(try wire.take(size))
                #expect(body["code"]?.string == code, "\(body)")
                try eventually("no helper is left") { daemon.forwarders == [] }
            }
        }

        @Test("a connection to a port on which nothing listens is never one to itself")
        func itself() throws {
            try withDaemon { daemon, client in
                // The kernel then has only this port to choose for the connection's own end.
                let sysctls = #""sysctls": {"net.ipv4.ip_local_port_range": "40000 40000"}"#
                _ = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 100000", podMore: sysctls))
                for _ in 0..<3 {
                    let (_, head) = try open(daemon, "40000")
                    #expect(head.status == 502)
                }
            }
        }

        @Test("a killed shim ends the connections of its pod")
        func shimKilled() throws {
            try withDaemon { daemon, client in
                let pod = try serve(daemon, client, "cat")
                let (wire, _) = try open(daemon, "80")
                try wire.send("one\n")
                #expect(try wire.take(4) == Array("one\n".utf8))
                kill(pod.shimPID, SIGKILL)
                #expect(try rest(wire) == "")
                try eventually("no helper is left") { daemon.forwarders == [] }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(daemon.leftovers() == [])
            }
        }
    }
}
