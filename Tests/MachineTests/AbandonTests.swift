// A plugin that is gone for good, or hangs for good, and the operator's way out.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct AbandonedPlugins {
        @Test("a delete waits for a plugin that is gone, and goes on when an operator gives it up")
        func gone() throws {
            try withPod(delete: "exit 0") { place, _, client in
                try Command.expect("rm", place.plugins + "/answers")
                let id = try client.send("DELETE", "/v1/pods/web?grace=0").id
                try eventually("the step waits") { try client.detach(id)?.state == "waiting" }
                #expect(try client.detach(id)?.detail?.contains(place.plugins) == true)
                #expect(try client.abandon(id, "").code == "invalid-document")
                #expect(try client.abandon(id, "x", step: "verify").code == "not-abandonable")
                #expect(try client.abandon(id, "x", step: "moon").code == "not-found")
                #expect(try client.abandon(id, "ticket 4711").status == 202)
                let ended = try client.follow(id)
                #expect(ended.state == "succeeded")
                #expect(try client.detach(id)?.state == "abandoned")
                #expect(ended["abandoned", "reason"]?.string == "ticket 4711")
                #expect(ended["abandoned", "requester", "uid"]?.integer == 0)
                #expect(ended["abandoned", "left"] == .null)
                #expect(try client.abandon(id, "ticket 4711").status == 200)
                #expect(try client.abandon(id, "another").code == "not-abandonable")
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
            }
        }

        @Test("a plugin that hangs is killed when an operator gives it up, after a restart, too")
        func hangs() throws {
            try withPod(delete: "sleep 100000") { _, daemon, client in
                let id = try client.send("DELETE", "/v1/pods/web?grace=0").id
                try eventually("the step runs") { try client.detach(id)?.state == "running" }
                #expect(try client.abandon(id, "too early").code == "not-abandonable")
                try daemon.crashAndRestart()
                try eventually("it is shown as stalled") {
                    try client.send("GET", "/v1/operations/\(id)")["stalled", "step"]?.string
                        == "network.detach"
                }
                #expect(try client.abandon(id, "it hangs").status == 202)
                #expect(try client.follow(id).state == "succeeded")
                #expect(try client.detach(id)?.state == "abandoned")
            }
        }

        /// A pod on a network whose plugin says yes to ADD.
        private func withPod(
            delete: String, _ body: (PluginPlace, Daemon, Client) throws -> Void
        ) throws {
            let place = try PluginPlace()
            defer { place.putAway() }
            try makeDirectory(place.configurations)
            try place.configure("1.conflist", place.list("a"))
            let result = #"{"cniVersion": "1.1.0", "ips": [{"address": "10.9.9.9/24"}]}"#
            try place.plugin(
                "answers",
                """
                [ $CNI_COMMAND = ADD ] && echo '\(result)'
                [ $CNI_COMMAND = DEL ] && { \(delete); }
                exit 0
                """)
            try withDaemon(place.arguments) { daemon, client in
                let network = #""network": {"mode": "cni", "name": "a"}"#
                let made = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", podMore: network))
                #expect(made.status == 201, "\(made.reply.text)")
                try body(place, daemon, client)
            }
        }
    }
}

extension Client {
    fileprivate func abandon(
        _ operation: String, _ reason: String, step: String = "network.detach"
    ) throws -> Answer {
        try send(
            "POST", "/v1/operations/\(operation)/steps/\(step)/abandon",
            #"{"reason": \#(quoted(reason))}"#)
    }

    fileprivate func detach(_ operation: String) throws -> (state: String?, detail: String?)? {
        let steps = try send("GET", "/v1/operations/\(operation)")["steps"]?.elements ?? []
        return steps.first { $0["name"]?.string == "network.detach" }
            .map { ($0["state"]?.string, $0["detail"]?.string) }
    }
}
