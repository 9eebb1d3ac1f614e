// Init tasks, and tasks that start after others.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct StartOrder {
        private static let volumes = #""volumes": {"order": {"medium": "memory", "size": 65536}}"#
        private static let mounts =
            #""mounts": [{"type": "volume", "source": "order", "target": "/order"}]"#

        /// A pod of tasks by name. Each has the volume at `/order`.
        private func pod(_ daemon: Daemon, _ tasks: [(String, script: String, more: String)])
            -> String
        {
            let members = tasks.map { name, script, more in
                let all = Self.mounts + (more.isEmpty ? "" : ", " + more)
                return "\"\(name)\": \(daemon.rootfs.task(script, all))"
            }
            return "{\"tasks\": {\(members.joined(separator: ", "))}, \(Self.volumes)}"
        }

        private func get(_ client: Client, _ task: String) throws -> Answer {
            try client.send("GET", "/v1/pods/web/tasks/\(task)")
        }

        /// Sends the create without a wait, and returns its operation.
        private func begin(_ client: Client, _ body: String) throws -> Answer {
            let create = try client.send("PUT", "/v1/pods/web", body)
            #expect(create.status == 202, "\(create.reply.text)")
            return create
        }

        private func wait(_ operation: Answer) -> JSONValue? {
            operation["steps"]?.elements?.first { $0["name"] == .string("task.wait") }
        }

        /// Waits until the create waits for a process of the init task `setup`.
        private func untilWaiting(_ client: Client, _ id: String) throws -> Answer {
            try eventuallySome("the create waits") {
                let operation = try client.send("GET", "/v1/operations/\(id)")
                let detail = wait(operation)?["detail"]?.string ?? ""
                return detail.contains("'setup' runs: pid ") ? operation : nil
            }
        }

        /// Ends with 0 once the test has made `/tmp/go` in its rootfs.
        private static let held = "until [ -e /tmp/go ]; do sleep 0.01; done"

        /// The held init task sees the lower layer of its overlay, where the test makes a file.
        private func release(_ daemon: Daemon) throws {
            try write("", to: daemon.rootfs.path + "/tmp/go")
        }

        private func held(_ daemon: Daemon, _ more: String = "") -> String {
            let bind = """
                "mounts": [{"type": "bind", "source": \(quoted(daemon.rootfs.path + "/tmp")), \
                "target": "/tmp", "readOnly": true}]
                """
            let setup = daemon.rootfs.task(
                "echo run; " + Self.held,
                "\"init\": true, \(bind)" + (more.isEmpty ? "" : ", " + more))
            let app = daemon.rootfs.task("exec sleep 100000")
            return "{\"tasks\": {\"setup\": \(setup), \"app\": \(app)}}"
        }

        @Test("init tasks run one after another, and then the others in their order")
        func order() throws {
            try withDaemon { daemon, client in
                func note(_ name: String) -> String { "echo \(name) >>/order/all" }
                let sleep = "; exec sleep 100000"
                let made = try client.createPod(
                    "web",
                    pod(
                        daemon,
                        [
                            ("a", note("a") + sleep, #""after": ["c"]"#),
                            ("b", note("b") + sleep, #""after": ["a", "y"]"#),
                            ("c", note("c") + sleep, ""),
                            ("x", "sleep 0.2; " + note("x"), #""init": true, "after": ["y"]"#),
                            ("y", "sleep 0.2; " + note("y"), #""init": true"#),
                            ("z", note("z"), #""init": true"#),
                        ]))
                #expect(made.status == 201, "\(made.reply.text)")
                for name in ["x", "y", "z"] {
                    let task = try get(client, name)
                    #expect(task.state == "exited" && task["exitCode"] == .integer(0))
                    let start = try client.send("POST", "/v1/pods/web/tasks/\(name)/start")
                    #expect(start.code == "task-state")
                }
                // The pod is ready when the runtime has started them, not when they have written.
                try eventually("all tasks have noted themselves") {
                    let read = try exec(client, "sort /order/all | tr -d '\\n'")
                    return read == "abcxyz"
                }
                let noted = try exec(client, "tr -d '\\n' </order/all")
                #expect(noted.utf8.starts(with: "yxz".utf8), "\(noted)")
                let starts = try ["c", "a", "b"].map { name in
                    try #require(get(client, name)["pid"]?.integer)
                }
                let ticks = try starts.map { try startTicks(of: $0) }
                #expect(ticks == ticks.sorted() && starts == starts.sorted())
                let events = try EventStream(daemon, "since=0").read(until: ("pod", "ready"))
                let exits = events.filter {
                    $0["kind"] == .string("task") && $0["state"] == .string("exited")
                }
                #expect(exits.compactMap { $0["task"]?.string } == ["y", "x", "z"])
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func exec(_ client: Client, _ script: String) throws -> String {
            let answer = try client.send(
                "POST", "/v1/pods/web/tasks/a/exec",
                "{\"args\": [\"sh\", \"-c\", \(quoted(script))]}")
            return answer["stdout"]?.string ?? answer.reply.text
        }

        private func startTicks(of pid: Int64) throws -> Int64 {
            let stat = try #require(text(of: "/proc/\(pid)/stat"))
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            return try #require(Int64(fields[20]))
        }

        @Test(
            "an init task that fails undoes the create, and the failure tells its exit",
            arguments: [
                ("exit 3", "exit code 3"),
                ("exit 4", "exit code 4 in attempt 3"),
            ])
        func fails(script: String, words: String) throws {
            try withDaemon { daemon, client in
                let retries =
                    words.contains("attempt")
                    ? """
                    , "restart": {"policy": "on-failure", "maxRetries": 2, \
                    "backoff": {"initial": 0.02}}
                    """ : ""
                let made = try client.createPod(
                    "web",
                    pod(
                        daemon,
                        [
                            ("app", "exec sleep 100000", ""),
                            ("setup", script, "\"init\": true" + retries),
                        ]))
                #expect(made.status == 422 && made.code == "init-task-failed", "\(made.reply.text)")
                #expect(made["detail"]?.string == "the init task 'setup' ended with \(words)")
                #expect(made["step"] == .string("task.wait"))
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
                #expect(daemon.leftovers().isEmpty)
                let problem = try client.send("GET", "/problems/init-task-failed")
                #expect(problem.status == 200)
                // The operation keeps the exit, and the name is free.
                let list = try client.send("GET", "/v1/operations?state=failed")
                let ended = list["items"]?.elements?.first
                #expect(ended?["exits"]?["setup"] != nil && ended?["exits"]?["app"] == nil)
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("an init task is restarted until it succeeds, and the create waits")
        func restarts() throws {
            try withDaemon { daemon, client in
                let made = try client.createPod(
                    "web",
                    pod(
                        daemon,
                        [
                            ("app", "exec sleep 100000", ""),
                            (
                                "setup", "echo x >>/order/n; [ $(wc -l </order/n) -ge 4 ]",
                                """
                                "init": true, "restart": {"policy": "on-failure", \
                                "backoff": {"initial": 0.02, "max": 0.05}}
                                """
                            ),
                        ]))
                #expect(made.status == 201, "\(made.reply.text)")
                let setup = try get(client, "setup")
                #expect(setup["attempt"] == .integer(4) && setup["exitCode"] == .integer(0))
                let codes = setup["exits"]?.elements?.map { $0["exitCode"] }
                #expect(codes == [.integer(1), .integer(1), .integer(1), .integer(0)])
                #expect(try get(client, "app").state == "running")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("daemons that are killed while an init task runs let it run on, and only once")
        func killed() throws {
            try withDaemon { daemon, client in
                let create = try begin(client, held(daemon))
                let before = try wait(untilWaiting(client, create.id))
                for _ in 0..<3 {
                    try daemon.crashAndRestart()
                    let now = try untilWaiting(client, create.id)
                    #expect(wait(now)?["detail"] == before?["detail"])
                    #expect(now["stalled"] == .null)
                }
                let pid = try #require(get(client, "setup")["pid"]?.integer)
                daemon.crash()
                try release(daemon)
                try eventually("the init task ends while no daemon runs") {
                    !FileManager.default.fileExists(atPath: "/proc/\(pid)")
                }
                try daemon.start()
                #expect(try client.follow(create.id).state == "succeeded")
                let setup = try get(client, "setup")
                #expect(setup["exitCode"] == .integer(0) && setup["attempt"] == .integer(1))
                // The next daemon does not run it again, either.
                try daemon.crashAndRestart()
                #expect(try get(client, "setup")["exitCode"] == .integer(0))
                let uid = try #require(create["target", "uid"]?.string)
                let log = try #require(text(of: "\(daemon.logDirectory)/\(uid)/setup.log"))
                #expect(log.split(separator: "\n").count == 1, "\(log)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("an init task that has ended with 0 does not run again under another shim")
        func killedWithShim() throws {
            try withDaemon { daemon, client in
                let create = try begin(client, held(daemon))
                _ = try untilWaiting(client, create.id)
                let pid = try #require(get(client, "setup")["pid"]?.integer)
                let shims = shims(of: daemon)
                #expect(shims.count == 1)
                daemon.crash()
                try release(daemon)
                try eventually("the init task ends while no daemon runs") {
                    !FileManager.default.fileExists(atPath: "/proc/\(pid)")
                }
                for shim in shims { kill(shim, SIGKILL) }
                try daemon.start()
                #expect(try client.follow(create.id).state == "succeeded")
                let setup = try get(client, "setup")
                #expect(setup["exitCode"] == .integer(0) && setup["attempt"] == .integer(1))
                #expect(try get(client, "app").state == "running")
                let uid = try #require(create["target", "uid"]?.string)
                let log = try #require(text(of: "\(daemon.logDirectory)/\(uid)/setup.log"))
                #expect(log.split(separator: "\n").count == 1, "\(log)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func shims(of daemon: Daemon) -> [Int32] {
            daemon.children().filter { pid in
                let words = text(of: "/proc/\(pid)/cmdline")?.split(separator: "\0")
                return words?.dropFirst().first == "pod"
            }
        }

        enum End: String, CaseIterable, Sendable {
            case delete, cancel
            case shim = "kill of the shim"
        }

        @Test("the wait for an init task ends at once", arguments: End.allCases)
        func ends(_ end: End) throws {
            try withDaemon { daemon, client in
                let create = try begin(client, held(daemon))
                _ = try untilWaiting(client, create.id)
                switch end {
                case .delete:
                    #expect(try client.deletePod("web").state == "succeeded")
                    #expect(try client.follow(create.id).state == "canceled")
                case .cancel:
                    _ = try client.send("POST", "/v1/operations/\(create.id)/cancel", "{}")
                    #expect(try client.follow(create.id).state == "canceled")
                case .shim:
                    let shims = shims(of: daemon)
                    for shim in shims { kill(shim, SIGKILL) }
                    #expect(shims.count == 1)
                    let ended = try client.follow(create.id)
                    #expect(ended.state == "failed")
                    #expect(ended["error", "code"] == .string("shim-failed"))
                }
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
                #expect(daemon.leftovers().isEmpty)
            }
        }

        @Test("an exec, a signal and the log of an init task work while the create waits")
        func reaches() throws {
            try withDaemon { daemon, client in
                let create = try begin(client, held(daemon))
                _ = try untilWaiting(client, create.id)
                let exec = try client.send(
                    "POST", "/v1/pods/web/tasks/setup/exec", #"{"args": ["echo", "here"]}"#)
                #expect(exec["stdout"] == .string("here\n"), "\(exec.reply.text)")
                try eventually("its log is read") {
                    let log = try client.send("GET", "/v1/pods/web/tasks/setup/logs")
                    return log.reply.text.contains("run")
                }
                let signal = try client.send(
                    "POST", "/v1/pods/web/tasks/setup/signal", #"{"signal": "KILL"}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(signal.state == "succeeded", "\(signal.reply.text)")
                let ended = try client.follow(create.id)
                #expect(ended["error", "code"] == .string("init-task-failed"))
                #expect(ended["exits", "setup", "signal"] == .string("KILL"))
            }
        }

        @Test("a task of a pod that exists starts after others, and an init task is refused")
        func adds() throws {
            try withDaemon { daemon, client in
                let made = try client.createPod("web", daemon.rootfs.sleeper)
                #expect(made.status == 201)
                func put(_ name: String, _ more: String) throws -> Answer {
                    try client.send(
                        "PUT", "/v1/pods/web/tasks/\(name)",
                        daemon.rootfs.task("exec sleep 100000", more),
                        headers: ["Prefer": "wait=60"])
                }
                let late = try put("late", #""after": ["app"]"#)
                #expect(late.status == 201 && late["after"]?.strings == ["app"])
                #expect(try put("late", #""after": ["app"]"#).status == 200)
                #expect(try put("late", "").code == "spec-conflict")
                let waiting = try put("waiting", #""start": false"#)
                #expect(waiting.state == "created", "\(waiting.reply.text)")
                for (more, place) in [
                    (#""init": true"#, "/init"), (#""after": ["none"]"#, "/after/0"),
                    (#""after": ["app", "waiting"]"#, "/after/1"),
                    (#""after": ["x"]"#, "/after"),
                ] {
                    let refused = try put("x", more)
                    #expect(refused.status == 422, "\(refused.reply.text)")
                    let places = refused["errors"]?.elements?.map { $0["pointer"]?.string }
                    #expect(places == [place], "\(refused.reply.text)")
                }
                _ = try client.send(
                    "POST", "/v1/pods/web/tasks/waiting/start", "{}",
                    headers: ["Prefer": "wait=60"])
                #expect(try put("x", #""after": ["app", "waiting"]"#).status == 201)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }
    }
}
