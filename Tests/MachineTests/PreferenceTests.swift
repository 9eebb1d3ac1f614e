// The answer to a client that wants to wait is true, whether the daemon let it wait or not.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Preferences {
        private static let wait = ["Prefer": "wait=60"]

        @Test("with all waits in use a mutation is answered as without Prefer: wait")
        func noWaitIsFree() throws {
            // At most an eighth of the descriptors are waits: 32.
            let launcher = ["/usr/bin/prlimit", "--nofile=256:256", "/usr/bin/env"]
            try withDaemon(setUp: { $0.launcher = launcher }) { daemon, client in
                let shim = try client.createPod("stuck", "{}").shimPID
                kill(shim, SIGSTOP)
                daemon.heals.append { kill(shim, SIGCONT) }
                let delete = try client.send("DELETE", "/v1/pods/stuck").id
                let stuck = "/v1/operations/\(delete)"
                let waiting = try (0..<33).map { _ in
                    let wire = try Wire(path: daemon.socket)
                    try wire.send("GET \(stuck)?wait=300 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    return wire
                }
                try eventually("all waits are taken") { waiting.contains { $0.hasReply } }
                let made = try client.send("POST", "/v1/pods", "{}", headers: Self.wait)
                #expect(made.status == 202, "\(made.reply.text)")
                #expect(made["kind"]?.string == "pod.create")
                #expect(made.reply[header: "location"] == "/v1/operations/\(made.id)")
                let name = try #require(made["target", "name"]?.string)
                try eventually("it is made") {
                    try client.send("GET", "/v1/pods/\(name)").state == "ready"
                }
                let read = try client.send("GET", stuck + "?wait=300")
                #expect(read.status == 200 && read.state == "running", "\(read.reply.text)")
                #expect(read.reply[header: "retry-after"] != nil)
                kill(shim, SIGCONT)
                for wire in waiting { _ = try wire.receive() }
                #expect(try client.follow(delete).state == "succeeded")
            }
        }

        @Test("a successful cancel with Prefer: wait is answered with the canceled operation")
        func canceled() throws {
            try withRuntime("runtime: hangs, and is canceled", .hang("run")) { daemon, client in
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let path = "/v1/operations/\(create.id)/cancel"
                for _ in 0..<2 {
                    let answer = try client.send("POST", path, headers: Self.wait)
                    #expect(answer.status == 200, "\(answer.reply.text)")
                    #expect(answer.state == "canceled" && answer.id == create.id)
                }
                #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
            }
        }
    }
}
