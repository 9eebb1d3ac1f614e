// Tasks that are paused and resumed.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Pauses {
        /// Counts in its log, and ends with 7 at SIGTERM.
        private static let counter = """
            trap 'exit 7' TERM; i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done
            """

        private func post(
            _ client: Client, _ verb: String, _ body: String = "{}"
        ) throws -> Answer {
            try client.send(
                "POST", "/v1/pods/web/tasks/app/\(verb)", body, headers: ["Prefer": "wait=60"])
        }

        private func makePod(_ daemon: Daemon, _ client: Client) throws -> Answer {
            let pod = try client.createPod("web", daemon.rootfs.pod(Self.counter))
            #expect(pod.status == 201, "\(pod.reply.text)")
            try expectCounting(pod, daemon)
            return pod
        }

        private func lines(_ pod: Answer, _ daemon: Daemon) -> Int {
            (text(of: "\(daemon.logDirectory)/\(pod.uid)/app.log") ?? "").utf8
                .count { $0 == UInt8(ascii: "\n") }
        }

        private func expectCounting(_ pod: Answer, _ daemon: Daemon) throws {
            let before = lines(pod, daemon)
            try eventually("the task counts") { lines(pod, daemon) > before + 3 }
        }

        /// All processes of the task are frozen. The kernel says so, so no time has to pass.
        private func expectFrozen(_ pod: Answer, _ daemon: Daemon, _ isFrozen: Bool) throws {
            let task = "\(daemon.cgroupParent)/\(pod.uid)/pod/task-app"
            if let freezer = Controllers.hierarchy("/freezer") {
                let state = text(of: freezer + task + "/freezer.state")
                #expect(state == (isFrozen ? "FROZEN\n" : "THAWED\n"))
            } else {
                let tree = try #require(Controllers.hierarchy("/unified"))
                let events = try #require(text(of: tree + task + "/cgroup.events"))
                #expect(events.contains(isFrozen ? "frozen 1" : "frozen 0"))
            }
        }

        @Test("a paused task does nothing until it is resumed, also under another daemon")
        func pauses() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                let paused = try post(client, "pause")
                #expect(paused.state == "succeeded", "\(paused.reply.text)")
                try expectFrozen(pod, daemon, true)
                let task = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(task.state == "paused" && task["pid"]?.integer != nil)
                #expect(try post(client, "pause").state == "succeeded", "once more")
                try daemon.crashAndRestart()
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").state == "paused")
                try expectFrozen(pod, daemon, true)
                let list = try client.send("GET", "/v1/pods/web/tasks?state=paused")
                #expect(list["items"]?.elements?.count == 1)

                // A signal waits for it.
                #expect(try post(client, "signal", #"{"signal": "TERM"}"#).state == "succeeded")
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").state == "paused")
                let resumed = try post(client, "resume")
                #expect(resumed.state == "succeeded", "\(resumed.reply.text)")
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["exitCode"] == .integer(7))
                for verb in ["pause", "resume"] {
                    let refused = try post(client, verb)
                    #expect(refused.status == 409 && refused.code == "task-state")
                }
            }
        }

        @Test("a resumed task goes on, and can be paused again")
        func resumes() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                for _ in 0..<3 {
                    #expect(try post(client, "pause").state == "succeeded")
                    try expectFrozen(pod, daemon, true)
                    #expect(try post(client, "resume").state == "succeeded")
                    try expectFrozen(pod, daemon, false)
                    try expectCounting(pod, daemon)
                }
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").state == "running")
            }
        }

        enum End: String, CaseIterable, Sendable {
            case stop = "a stop"
            case delete = "a delete of the pod"
            case deleteWithoutShim = "a delete after the shim was killed"
        }

        @Test("a paused task is ended, and has its grace", arguments: End.allCases)
        func ends(_ end: End) throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                #expect(try post(client, "pause").state == "succeeded")
                switch end {
                case .stop:
                    #expect(try post(client, "stop", #"{"grace": 60}"#).state == "succeeded")
                    let task = try client.send("GET", "/v1/pods/web/tasks/app")
                    #expect(task["exitCode"] == .integer(7), "\(task.reply.text)")
                case .delete:
                    let delete = try client.deletePod("web", query: "grace=60")
                    #expect(delete.state == "succeeded")
                    #expect(delete["exits", "app", "exitCode"] == .integer(7))
                case .deleteWithoutShim:
                    kill(pid_t(pod.shimPID), SIGKILL)
                    #expect(try client.deletePod("web").state == "succeeded")
                }
            }
        }

        @Test("a task that has not started cannot be paused")
        func refused() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                let created = try client.send(
                    "PUT", "/v1/pods/web/tasks/late",
                    daemon.rootfs.task("exec sleep 1000", #""start": false"#),
                    headers: ["Prefer": "wait=60"])
                #expect(created.status == 201, "\(created.reply.text)")
                let refused = try client.send(
                    "POST", "/v1/pods/web/tasks/late/pause", "{}", headers: ["Prefer": "wait=60"])
                #expect(refused.status == 409 && refused.code == "task-state")
                try expectCounting(pod, daemon)
            }
        }
    }
}
