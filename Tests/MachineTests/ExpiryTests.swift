// Pods that the daemon deletes after the exit of their tasks.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Expiry {
        private func job(_ daemon: Daemon, ttl: String, _ script: String = "echo done") -> String {
            daemon.rootfs.pod(script, podMore: "\(Scenario.volumes), \"ttlAfterExit\": \(ttl)")
        }

        private func makeJob(
            _ name: String, _ daemon: Daemon, _ client: Client, ttl: String
        ) throws -> Answer {
            let pod = try client.createPod(name, job(daemon, ttl: ttl))
            #expect(pod.status == 201, "\(pod.reply.text)")
            return pod
        }

        /// The delete of a pod that is gone.
        private func delete(of pod: Answer, _ name: String, _ client: Client) throws -> Answer {
            try client.send("DELETE", "/v1/pods/\(name)?uid=\(pod.uid)")
        }

        private func expectExpired(_ pod: Answer, _ name: String, _ client: Client) throws {
            try eventually("\(name) is deleted") {
                try client.send("GET", "/v1/pods/\(name)").status == 404
            }
            let delete = try delete(of: pod, name, client)
            #expect(delete.status == 200 && delete.state == "succeeded")
            #expect(delete["requester", "comm"]?.string == "staunchd")
            #expect(delete["exits", "app", "exitCode"] == .integer(0), "\(delete.reply.text)")
        }

        @Test("a job is deleted after its exit, also if the daemon was killed in between")
        func expires() throws {
            try withDaemon { daemon, client in
                let web = try client.createPod("web", daemon.rootfs.sleeper)
                let soon = try makeJob("soon", daemon, client, ttl: "0")
                try expectExpired(soon, "soon", client)
                #expect(!exists("\(daemon.logDirectory)/\(soon.uid)"))

                let late = try makeJob("late", daemon, client, ttl: "3600")
                let task = try client.waitForTask("late", "app", "exited")
                let pod = try client.send("GET", "/v1/pods/late")
                let exit = try time(task["finishedAt"])
                let gap = try time(pod["expiresAt"]).timeIntervalSince(exit)
                #expect(abs(gap - 3600) < 0.01, "\(gap)")
                daemon.crash()
                try daemon.start()
                #expect(try client.send("GET", "/v1/pods/late").state == "ready")
                let patched = try client.send("PATCH", "/v1/pods/late", #"{"ttlAfterExit": 0.1}"#)
                #expect(patched.status == 200, "\(patched.reply.text)")
                try expectExpired(late, "late", client)

                // It expires while no daemon runs.
                let down = try makeJob("down", daemon, client, ttl: "3600")
                try client.waitForTask("down", "app", "exited")
                try client.send("PATCH", "/v1/pods/down", #"{"ttlAfterExit": null}"#)
                #expect(try client.send("GET", "/v1/pods/down")["expiresAt"] == .null)
                try client.send("PATCH", "/v1/pods/down", #"{"ttlAfterExit": 0.3}"#)
                try daemon.crashAndRestart()
                try expectExpired(down, "down", client)
                #expect(try client.send("GET", "/v1/pods/web").uid == web.uid)
            }
        }

        private func time(_ value: JSONValue?) throws -> Date {
            let text = try #require(value?.string)
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            return try Date(text, strategy: format)
        }

        @Test(
            "a time that is none is refused",
            arguments: ["-1", "31536001", "\"5\"", "true", "{}", "1e300"])
        func refused(_ ttl: String) throws {
            try withDaemon { daemon, client in
                let made = try client.createPod("web", job(daemon, ttl: ttl))
                #expect(made.code == "invalid-document" || made.code == "malformed-json")
                #expect(made.pointers == ["/ttlAfterExit"], "\(made.reply.text)")
            }
        }
    }
}
