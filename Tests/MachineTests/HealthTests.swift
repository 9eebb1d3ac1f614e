// Health checks, which the shim of a pod makes.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct HealthChecks {
        private let path = "/v1/pods/web/tasks/app"

        /// The members of a task that is checked five times a second.
        private func health(
            _ check: String, _ more: String = "", interval: Double = 0.2, retries: Int = 2
        ) -> String {
            """
            "gracePeriod": 0.1, "health": {\(check), "interval": \(interval), \
            "retries": \(retries)\(more.isEmpty ? "" : ", " + more)}
            """
        }

        private func check(_ script: String) -> String {
            #""exec": {"args": ["sh", "-c", \#(quoted(script))]}"#
        }

        private func waitFor(
            _ state: String, _ client: Client, attempt: Int64 = 1, task: String = "app"
        ) throws -> Answer {
            try eventuallySome("\(task) is \(state) in attempt \(attempt)") {
                let seen = try client.send("GET", "/v1/pods/web/tasks/\(task)")
                let isThere = seen["health", "state"]?.string == state
                return isThere && seen["attempt"]?.integer == attempt ? seen : nil
            }
        }

        /// A pod whose task sees `daemon.home` + "/shared" as `/shared`.
        private func pod(
            _ daemon: Daemon, _ script: String, _ members: String, podMore: String = ""
        ) throws -> String {
            try makeDirectory(daemon.home + "/shared")
            let mount =
                #""mounts": [{"type": "bind", "source": "\#(daemon.home)/shared", "#
                + #""target": "/shared"}], "#
            return daemon.rootfs.pod(script, mount + members, podMore: podMore)
        }

        /// Replaces a file that the task sees.
        private func share(_ daemon: Daemon, _ name: String, _ text: String = "") throws {
            let path = "\(daemon.home)/shared/\(name)"
            try write(text + "\n", to: path + ".new")
            try Command.expect("mv", path + ".new", path)
        }

        /// The events of tasks up to this one, each as its kind and attempt.
        private func events(
            _ daemon: Daemon, until end: (String, String?) = ("pod.gone", nil)
        ) throws -> [String] {
            try EventStream(daemon, "since=0").read(until: end).compactMap { event in
                guard let kind = event["kind"]?.string, let attempt = event["attempt"]?.integer
                else { return nil }
                let state = event["state"]?.string ?? ""
                let action = event["onFailure"]?.string.map { " " + $0 } ?? ""
                return (kind == "task" ? state : kind) + " \(attempt)" + action
            }
        }

        enum Network: String, CaseIterable, Sendable { case none, host }

        @Test(
            "a task is unhealthy while no program listens on its port, and then healthy",
            arguments: Network.allCases)
        func tcp(_ network: Network) throws {
            try withDaemon { daemon, client in
                let port = network == .host ? try freePort() : 8080
                let script = """
                    while [ ! -e /shared/open ]; do sleep 0.02; done
                    exec nc -ll -p \(port) -e true
                    """
                let body = try pod(
                    daemon, script, health(#""tcp": {"port": \#(port)}"#),
                    podMore: #""network": {"mode": "\#(network)"}"#)
                let created = try client.createPod("web", body)
                #expect(created.status == 201, "\(created.reply.text)")
                let unhealthy = try waitFor("unhealthy", client)["health"]
                #expect(unhealthy?["failures"] == .integer(2), "\(String(describing: unhealthy))")
                #expect(unhealthy?["output"]?.string?.contains("ECONNREFUSED") == true)
                #expect(unhealthy?["lastCheckedAt"]?.string != nil)
                let metrics = try client.send("GET", "/metrics").reply.text
                #expect(metrics.contains("staunch_tasks_unhealthy 1"))
                try share(daemon, "open")
                #expect(try waitFor("healthy", client)["health", "failures"] == .integer(0))
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(
                    try events(daemon) == [
                        "running 1", "task.unhealthy 1 none", "task.healthy 1", "exited 1",
                    ])
            }
        }

        /// A port of the host that no program uses now.
        private func freePort() throws -> UInt16 {
            let script =
                "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); "
                + "print(s.getsockname()[1])"
            let text = try Command.run("python3", "-c", script).output
            return try #require(UInt16(text.filter { $0 != "\n" }))
        }

        /// Answers of a server, as a script, and what the check says of each.
        static let answers: [(String, String)] = [
            (#"printf 'HTTP/1.1 500 No\r\n\r\n'"#, "HTTP/1.1 500 No"),
            (#"printf 'HTTP/1.1 400 No\r\nX: y\r\n\r\nbody'"#, "HTTP/1.1 400 No"),
            (
                #"printf 'HTTP/1.1 200 OK\r\n'; while sleep 0.02; do printf 'X: y\r\n'; done"#,
                "no result within 400 ms"
            ),
            (
                #"printf 'HTTP/1.1 200 OK\r\n'; yes 'X: yyyyyyyyyyyyyyy'"#,
                "the head of the response is longer than 8192 bytes"
            ),
            ("sleep 98765", "no result within 400 ms"),
            (
                #"printf 'HTTP/1.1 200 OK\r\nX: y'"#,
                "the connection ended in the response's head"
            ),
            (#"printf 'SSH-2.0-x\r\n'; sleep 9"#, "the answer is no response of HTTP/1"),
        ]

        @Test("only a server whose response is whole and says 200 to 399 is healthy")
        func http() throws {
            try withDaemon { daemon, client in
                let script = #"""
                    printf '#!/bin/sh\nread line; echo "$line" >/shared/line\n' >/reply
                    # A server that closes with unread bytes resets the connection.
                    echo 'while [ ${#more} != 1 ]; do read more; done; . /shared/answer' >>/reply
                    chmod 755 /reply
                    exec nc -ll -p 8080 -e /reply
                    """#
                let request = #""http": {"port": 8080, "path": "/healthz?a=b"}"#
                let body = try pod(
                    daemon, script, health(request, #""timeout": 0.4"#, retries: 1))
                try share(daemon, "answer")
                _ = try client.createPod("web", body)
                for (answer, output) in Self.answers {
                    try share(daemon, "answer", answer)
                    let seen = try eventuallySome("the check says '\(output)'") {
                        let seen = try client.send("GET", path)
                        let health = seen["health"]
                        return health?["output"]?.string?.hasPrefix(output) == true
                            && health?["state"]?.string == "unhealthy" ? seen : nil
                    }
                    #expect(seen["state"]?.string == "running")
                    try share(daemon, "answer", #"printf 'HTTP/1.1 204 Fine\r\n\r\n'"#)
                    _ = try waitFor("healthy", client)
                }
                #expect(
                    text(of: daemon.home + "/shared/line") == "GET /healthz?a=b HTTP/1.1\r\n")
            }
        }

        @Test("an exec's exit code, its output and its time make a task healthy or not")
        func exec() throws {
            try withDaemon { daemon, client in
                let body = try pod(
                    daemon, "exec sleep 100000",
                    health(check(". /shared/check"), #""timeout": 1.5"#, interval: 0.3, retries: 1))
                try share(daemon, "check")
                _ = try client.createPod("web", body)
                let checks = [
                    ("echo broken; echo really >&2; exit 3", "exit code 3: broken\nreally\n"),
                    ("yes | head -c 300000; exit 4", "y\ny\n"),
                    ("sleep 98764 & echo begun; sleep 98764", "no result within 1500 ms: begun\n"),
                    ("kill -9 $$", "killed by signal 9"),
                ]
                for (script, output) in checks {
                    try share(daemon, "check", script)
                    let seen = try eventuallySome("the check says '\(output)'") {
                        let seen = try client.send("GET", path)
                        return seen["health", "output"]?.string?.hasSuffix(output) == true
                            ? seen["health", "output"]?.string : nil
                    }
                    #expect(seen.utf8.count <= 4096)
                    try share(daemon, "check")
                    _ = try waitFor("healthy", client)
                    try eventually("nothing is left of the check") {
                        daemon.sleepers("98764") == 0
                    }
                }
                let shown = try client.send("GET", path + "/exec")
                #expect(shown["items"]?.elements == [], "\(shown.reply.text)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("an unhealthy task is restarted, whatever its policy says, and checked again")
        func restart() throws {
            try withDaemon { daemon, client in
                let script = "rm -f /shared/bad; exec sleep 100000"
                let task = health(check("[ ! -e /shared/bad ]"), #""onFailure": "restart""#)
                _ = try client.createPod(
                    "web",
                    pod(
                        daemon, script, task + #", "restart": {"backoff": {"initial": 0.01}}"#))
                for attempt in 1...3 as ClosedRange<Int64> {
                    _ = try waitFor("healthy", client, attempt: attempt)
                    if attempt == 2 { try daemon.crashAndRestart() }
                    if attempt < 3 { try share(daemon, "bad") }
                }
                let seen = try client.send("GET", path)
                #expect(seen["health", "output"]?.string == "exit code 1")
                let exits = seen["exits"]?.elements ?? []
                #expect(exits.map { $0["attempt"] } == [.integer(1), .integer(2)])
                #expect(exits.allSatisfy { $0["signal"]?.string == "KILL" }, "\(exits)")
                #expect(try client.deletePod("web").state == "succeeded")
                var expected: [String] = []
                for attempt in 1...2 {
                    expected += [
                        "running \(attempt)", "task.healthy \(attempt)",
                        "task.unhealthy \(attempt) restart", "exited \(attempt)",
                    ]
                }
                expected += ["running 3", "task.healthy 3", "exited 3"]
                #expect(try events(daemon) == expected)
            }
        }

        @Test("an unhealthy task whose restarts are used up runs on until it may have more")
        func restartsUsedUp() throws {
            try withDaemon { daemon, client in
                let task = health(check("false"), #""onFailure": "restart""#)
                _ = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 100000",
                        task
                            + #", "restart": {"maxRetries": 1, "backoff": {"initial": 0.01}}"#))
                let seen = try waitFor("unhealthy", client, attempt: 2)
                #expect(seen.state == "running" && seen["restarts"] == .integer(1))
                let patch = try client.send(
                    "PATCH", path, #"{"restart": {"maxRetries": 2}}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(patch.status == 200, "\(patch.reply.text)")
                _ = try waitFor("unhealthy", client, attempt: 3)
            }
        }

        @Test("an unhealthy task is stopped for good, and shows why, also without a daemon")
        func stop() throws {
            try withDaemon { daemon, client in
                let task = health(check("[ ! -e /shared/bad ]"), #""onFailure": "stop""#)
                let script = """
                    trap 'echo >/shared/ended; exit 7' TERM; while :; do sleep 0.02; done
                    """
                _ = try client.createPod(
                    "web",
                    pod(
                        daemon, script, task + #", "restart": {"policy": "always"}"#))
                _ = try waitFor("healthy", client)
                daemon.crash()
                try share(daemon, "bad")
                try eventually("the task is stopped") { exists(daemon.home + "/shared/ended") }
                try daemon.start()
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["nextStartAt"] == .null, "\(ended.reply.text)")
                #expect(ended["health", "state"]?.string == "unhealthy")
                #expect(ended["health", "output"]?.string == "exit code 1")
                #expect(try client.send("POST", path + "/start").status == 409)
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(
                    try events(daemon) == [
                        "running 1", "task.healthy 1", "task.unhealthy 1 stop", "exited 1",
                    ])
            }
        }

        @Test("no change is lost or doubled when the daemon is killed again and again")
        func killedDaemon() throws {
            try withDaemon { daemon, client in
                let flip = "if [ -e /x ]; then rm /x; else echo >/x; false; fi"
                _ = try client.createPod(
                    "web",
                    pod(
                        daemon, "exec sleep 100000",
                        health(
                            check("echo >>/shared/count; " + flip), interval: 0.1, retries: 1)))
                /// How many checks have begun.
                func count() -> Int { text(of: daemon.home + "/shared/count")?.utf8.count ?? 0 }
                for round in 0..<(Installation.isDeep ? 30 : 6) {
                    // Later in each round, so that the kill moves through the daemon's work.
                    Thread.sleep(forTimeInterval: Double(round % 12) * 0.01)
                    daemon.crash()
                    let before = count()
                    try eventually("the checks go on") { count() > before + 2 }
                    try daemon.start()
                }
                #expect(try client.deletePod("web").state == "succeeded")
                let changes = try events(daemon).filter { $0.hasPrefix("task.") }
                #expect(changes.count > 10)
                for (index, change) in changes.enumerated() {
                    let expected = index % 2 == 0 ? "task.unhealthy 1 none" : "task.healthy 1"
                    #expect(change == expected, "\(index)")
                }
            }
        }

        enum End: String, CaseIterable, Sendable { case deletePod, deleteTask, stop, exit, lost }

        @Test("a check that hangs delays no end of its task", arguments: End.allCases)
        func hanging(_ end: End) throws {
            try withDaemon { daemon, client in
                let check = health(check("exec sleep 98763"), #""timeout": 3600"#)
                let script = "while [ ! -e /shared/end ]; do sleep 0.02; done; exit 5"
                let pod = try client.createPod("web", pod(daemon, script, check))
                try eventually("the check hangs") { daemon.sleepers("98763") == 1 }
                let wait = ["Prefer": "wait=60"]
                let took = try seconds {
                    switch end {
                    case .deletePod: #expect(try client.deletePod("web").state == "succeeded")
                    case .deleteTask:
                        let delete = try client.send("DELETE", path, headers: wait)
                        #expect(delete.state == "succeeded", "\(delete.reply.text)")
                    case .stop:
                        let stop = try client.send("POST", path + "/stop", "{}", headers: wait)
                        #expect(stop.state == "succeeded", "\(stop.reply.text)")
                    case .exit:
                        try share(daemon, "end")
                        let ended = try client.waitForTask("web", "app", "exited")
                        #expect(ended["exitCode"] == .integer(5))
                    case .lost:
                        let shim = try #require(pod["shim", "pid"]?.integer)
                        _ = try Command.run("kill", "-9", "\(shim)")
                        try eventually("the pod is lost") {
                            try client.send("GET", "/v1/pods/web").state == "lost"
                        }
                    }
                }
                #expect(took < 10)
                try eventually("nothing is left of the check") { daemon.sleepers("98763") == 0 }
            }
        }

        @Test("a check that hangs is killed at its timeout, though its processes are many")
        func forking() throws {
            try withDaemon { daemon, client in
                let script = """
                    for i in 1 2 3 4 5 6 7 8; do setsid sleep 98762 & done; wait
                    """
                let pod = daemon.rootfs.pod(
                    "exec sleep 100000",
                    health(check(script), #""timeout": 0.7"#, interval: 0.3, retries: 1))
                _ = try client.createPod("web", pod)
                for _ in 0..<3 {
                    try eventually("the check hangs") { daemon.sleepers("98762") > 0 }
                    try eventually("the check was killed") { daemon.sleepers("98762") == 0 }
                }
                #expect(try waitFor("unhealthy", client).state == "running")
            }
        }

        private static let states = ["unhealthy", "healthy"]

        @Test("a paused task is not checked, and goes on after that")
        func paused() throws {
            try withDaemon { daemon, client in
                let flip = "if [ -e /x ]; then rm /x; else echo >/x; false; fi"
                let checked = health(check(flip), interval: 0.1, retries: 1)
                let tasks = ["app", "other"].map {
                    "\"\($0)\": \(daemon.rootfs.task("exec sleep 100000", checked))"
                }
                _ = try client.createPod("web", "{\"tasks\": {\(tasks.joined(separator: ","))}}")
                let wait = ["Prefer": "wait=60"]
                let pause = try client.send("POST", path + "/pause", headers: wait)
                #expect(pause.state == "succeeded", "\(pause.reply.text)")
                // A change that was made before the pause is told by now.
                for state in Self.states { _ = try waitFor(state, client, task: "other") }
                let before = try client.send("GET", path)["health"]
                for state in Self.states + Self.states + Self.states {
                    _ = try waitFor(state, client, task: "other")
                }
                #expect(try client.send("GET", path)["health"] == before)
                let resume = try client.send("POST", path + "/resume", headers: wait)
                #expect(resume.state == "succeeded", "\(resume.reply.text)")
                for state in Self.states { _ = try waitFor(state, client) }
            }
        }
    }
}
