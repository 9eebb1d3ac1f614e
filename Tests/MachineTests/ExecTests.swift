// Execs: one more process in a running task.

import Census
import Foundation
import Glibc
import JSON
import Synchronization
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Execs {
        private let path = "/v1/pods/web/tasks/app/exec"

        private func exec(
            _ client: Client, _ script: String, _ more: String = "",
            headers: [String: String] = [:]
        ) throws -> Answer {
            let body = """
                {"args": ["sh", "-c", \(quoted(script))]\(more.isEmpty ? "" : ", " + more)}
                """
            return try client.send("POST", path, body, headers: headers)
        }

        /// Sends the request on a connection of its own, and waits until the script has begun.
        private func begin(
            _ daemon: Daemon, _ client: Client, _ script: String, accept: String = "*/*"
        ) throws -> (wire: Wire, operation: String) {
            let wire = try Wire(path: daemon.socket)
            let body = #"{"args": ["sh", "-c", \#(quoted("echo >/begun; " + script))]}"#
            try wire.send(
                """
                POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Accept: \(accept)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
                """)
            try eventually("the exec has begun") {
                try exec(client, "[ -e /begun ]")["exitCode"] == .integer(0)
            }
            let running = try client.send("GET", path)["items"]?.elements ?? []
            return (wire, try #require(running.last?["id"]?.string))
        }

        private func execCgroups(_ daemon: Daemon) -> [String] {
            Census.cgroups(of: daemon.cgroupParent).filter { $0.contains("/exec-") }
        }

        @Test("an exec has the task's surroundings, and answers with its output and its exit")
        func completes() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 100000", #""env": {"A": "1", "B": "2"}, "cwd": "/bin""#))
                let script = "echo $A $B $PWD; echo no >&2; id -u; exit 3"
                let answer = try exec(client, script, #""env": {"B": "3"}"#)
                #expect(answer.status == 200, "\(answer.reply.text)")
                #expect(answer["exitCode"] == .integer(3) && answer["signal"] == .null)
                #expect(answer["stdout"]?.string == "1 3 /bin\n0\n")
                #expect(answer["stderr"]?.string == "no\n")
                #expect(answer["encoding"] == .string("utf-8"))
                let operation = try client.follow(answer.id)
                #expect(operation["kind"]?.string == "task.exec" && operation.state == "succeeded")
                #expect(operation["exec", "exitCode"] == .integer(3))
                let confined = try exec(client, "grep -E 'Cap|NoNewP|Seccomp:' /proc/self/status")
                let first = try exec(client, "grep -E 'Cap|NoNewP|Seccomp:' /proc/1/status")
                #expect(confined["exitCode"] == .integer(0))
                #expect(confined["stdout"] == first["stdout"])
                let cgroups = "sed 's,/exec-[^/]*$,,; s,^\\(0::\\)$,\\1/,'"
                let own = try exec(client, "cat /proc/self/cgroup | \(cgroups)")
                let tasks = try exec(client, "cat /proc/1/cgroup | \(cgroups)")
                #expect(own["stdout"] == tasks["stdout"], "\(own.reply.text)")
                #expect(execCgroups(daemon) == [])
            }
        }

        static let users = [
            ("null", "0 0"), (#""7:8""#, "7 8"), (#""7""#, "7 0"), (#""0:5""#, "0 5"),
        ]

        @Test("an exec can have another user", arguments: users)
        func user(_ user: String, _ ids: String) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answer = try exec(client, "echo $(id -u) $(id -g)", "\"user\": \(user)")
                #expect(answer["stdout"]?.string == ids + "\n", "\(answer.reply.text)")
            }
        }

        static let programs: [(String, Int64)] = [
            (#"["no-such-program"]"#, 127), (#"["/no/such/program"]"#, 127), (#"["/bin"]"#, 126),
        ]

        @Test(
            "a program that is not there, or cannot be executed, has a shell's code",
            arguments: programs)
        func noProgram(_ args: String, _ code: Int64) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answer = try client.send("POST", path, "{\"args\": \(args)}")
                #expect(answer["exitCode"]?.integer == code, "\(answer.reply.text)")
                #expect(answer["detail"]?.string?.isEmpty == false)
                #expect(answer["startedAt"] == .null)
            }
        }

        static let refused = [
            (#"{"args": ["true"], "user": "nobody-here"}"#, 422, "user-unknown"),
            (#"{"args": ["true"], "cwd": "/no/such"}"#, 422, "runtime-refused"),
            (#"{"args": []}"#, 422, "invalid-document"),
            (#"{"args": ["true"], "cwd": "bin"}"#, 422, "invalid-document"),
            (#"{"args": ["true"], "timeout": 0}"#, 422, "invalid-document"),
            (#"{"args": ["true"], "maxOutput": 16777217}"#, 422, "invalid-document"),
            (#"{"args": ["true"], "tty": true}"#, 422, "invalid-document"),
            (#"{"args": ["tr\u0000ue"]}"#, 422, "invalid-document"),
            ("", 400, "malformed-json"),
        ]

        @Test("an exec that cannot run is refused", arguments: refused)
        func refusal(_ body: String, _ status: Int, _ code: String) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answer = try client.send("POST", path, body)
                #expect(answer.status == status && answer.code == code, "\(answer.reply.text)")
            }
        }

        @Test("input and output are bytes, and output over the limit is counted")
        func bytes() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let echo = try exec(client, "cat", #""stdin": "zwölf\u0000\n""#)
                #expect(echo["stdout"]?.string == "zwölf\u{0}\n", "\(echo.reply.text)")
                #expect(try exec(client, "cat; cat")["stdout"] == .string(""))
                let raw = try exec(client, #"printf '\377\n'; echo e >&2"#)
                #expect(raw["encoding"] == .string("base64"))
                #expect(raw["stdout"] == .string("/wo=") && raw["stderr"] == .string("ZQo="))
                let many = "dd if=/dev/zero bs=1024 count=2048 2>&- | tr '\\0' x"
                let cut = try exec(client, many, #""maxOutput": 1000"#)
                #expect(cut["stdout"]?.string == String(repeating: "x", count: 1000))
                #expect(cut["dropped", "stdout"] == .integer(2048 * 1024 - 1000))
                #expect(cut["exitCode"] == .integer(0))
                let whole = try exec(client, many, #""maxOutput": 16777216"#)
                #expect(whole["stdout"]?.string?.utf8.count == 2048 * 1024)
            }
        }

        @Test("live output comes as it is written, and the last line has the result")
        func live() throws {
            try withDaemon { daemon, client in
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                _ = try client.createPod("web", daemon.rootfs.pod("exec sleep 100000", mount))
                let (wire, _) = try begin(
                    daemon, client,
                    "echo one; while [ ! -e /data/go ]; do sleep 0.01; done; echo two >&2; exit 9",
                    accept: "application/x-ndjson")
                let head = try #require(try wire.receiveHead())
                #expect(head.status == 200)
                var text = ""
                func read(until end: String) throws {
                    while !text.contains(end), let chunk = try wire.receiveChunk() {
                        text += String(decoding: chunk, as: UTF8.self)
                    }
                    #expect(text.contains(end), "\(text)")
                }
                try read(until: #"{"stream":"stdout","encoding":"utf-8","data":"one\n"}"#)
                try write("", to: daemon.home + "/go/go")
                try read(until: #"{"stream":"stderr","encoding":"utf-8","data":"two\n"}"#)
                try read(until: #""exitCode":9"#)
                #expect(try wire.receiveChunk() == nil)
            }
        }

        @Test("a timeout kills the processes of the exec, and no others")
        func timeout() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod("sleep 4321 & exec sleep 1234"))
                let script = "sleep 5678 & trap '' TERM HUP; sleep 5679; sleep 5680"
                let answer = try exec(client, script, #""timeout": 0.4"#)
                #expect(answer["timedOut"] == .bool(true) && answer["signal"] == .string("KILL"))
                try eventually("they are gone") { daemon.sleepers("567") == 0 }
                #expect(daemon.sleepers("4321") == 1 && daemon.sleepers("1234") == 1)
                try eventually("no cgroup is left") { execCgroups(daemon) == [] }
            }
        }

        @Test("the processes that an exec leaves stay in the task, and delay nothing")
        func background() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answer = try exec(client, "sleep 4321 & echo done")
                #expect(answer["stdout"] == .string("done\n") && answer["exitCode"] == .integer(0))
                #expect(daemon.sleepers("4321") == 1)
                #expect(execCgroups(daemon) == [])
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(daemon.sleepers("4321") == 0)
            }
        }

        enum Ending: String, CaseIterable, CustomTestStringConvertible {
            case hangUp = "the client hangs up"
            case delete = "DELETE of the exec"
            case cancel = "its operation is canceled"
            case daemon = "the daemon is killed"
            var testDescription: String { rawValue }
        }

        @Test("an exec ends with its client, however that goes", arguments: Ending.allCases)
        func ends(_ ending: Ending) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                var (wire, id): (Wire?, String) = try begin(daemon, client, "sleep 5678")
                #expect(wire != nil && daemon.sleepers("5678") > 0)
                switch ending {
                case .hangUp: wire = nil
                case .delete:
                    let ended = try client.send(
                        "DELETE", "\(path)/\(id)", headers: ["Prefer": "wait=30"])
                    #expect(ended.state == "canceled", "\(ended.reply.text)")
                case .cancel: _ = try client.send("POST", "/v1/operations/\(id)/cancel", "{}")
                case .daemon: try daemon.crashAndRestart()
                }
                let ended = try client.follow(id)
                let isCanceled = ending == .delete || ending == .cancel
                #expect(ended.state == (isCanceled ? "canceled" : "succeeded"))
                #expect(ended["exec", "signal"] == .string("HUP"), "\(ended.reply.text)")
                try eventually("its processes are gone") { daemon.sleepers("5678") == 0 }
                try eventually("no cgroup is left") { execCgroups(daemon) == [] }
                #expect(try client.send("GET", "\(path)/\(id)").id == id)
                #expect(try client.send("GET", path)["items"]?.elements?.isEmpty == true)
                #expect(try exec(client, "exit 5")["exitCode"] == .integer(5))
            }
        }

        @Test("an exec that ignores the hang-up is killed")
        func ignoresHangUp() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                var (wire, id): (Wire?, String) = try begin(
                    daemon, client, "trap '' HUP; while :; do sleep 0.1; done")
                #expect(wire != nil)
                wire = nil
                let ended = try client.follow(id)
                #expect(ended["exec", "signal"] == .string("KILL"), "\(ended.reply.text)")
            }
        }

        static let shapes = [
            "", #""sharePID": true"#, #""hostPID": true"#,
        ]

        @Test("an exec ends with its task, whose delete is not delayed", arguments: shapes)
        func endsWithTask(_ shape: String) throws {
            try withDaemon { daemon, client in
                let script = "trap 'exit 7' TERM; sleep 100000 & wait"
                _ = try client.createPod("web", daemon.rootfs.pod(script, podMore: shape))
                let (wire, id) = try begin(
                    daemon, client, "trap '' TERM HUP; while :; do sleep 0.1; done")
                defer { wire.finishSending() }  // the client lives until then
                let stop = try client.send(
                    "POST", "/v1/pods/web/tasks/app/stop", #"{"grace": 30}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(stop["exits", "app", "exitCode"] == .integer(7), "\(stop.reply.text)")
                let ended = try client.follow(id)
                #expect(ended["exec", "signal"] == .string("KILL"), "\(ended.reply.text)")
                let late = try exec(client, "true")
                #expect(late.status == 409 && late.code == "task-state")
                let delete = try client.deletePod("web")
                #expect(delete.state == "succeeded")
                let gone = try exec(client, "true")
                #expect(gone.status == 404)
            }
        }

        @Test("a pod that is being deleted takes no exec, and its execs end")
        func deleting() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod(
                    "web", daemon.rootfs.pod("trap '' TERM; while :; do sleep 0.1; done"))
                let (wire, id) = try begin(daemon, client, "while :; do sleep 0.1; done")
                defer { wire.finishSending() }  // the client lives until then
                let delete = try client.send("DELETE", "/v1/pods/web?grace=60")
                #expect(try exec(client, "true").code == "pod-deleting")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try client.follow(delete.id).state == "succeeded")
                let ended = try client.follow(id)
                #expect(ended["exec", "signal"] == .string("KILL"), "\(ended.reply.text)")
                #expect(daemon.leftovers() == [])
            }
        }

        @Test("a paused task takes no exec")
        func paused() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let task = "/v1/pods/web/tasks/app"
                let wait = ["Prefer": "wait=60"]
                _ = try client.send("POST", task + "/pause", "{}", headers: wait)
                #expect(try exec(client, "true").code == "task-state")
                _ = try client.send("POST", task + "/resume", "{}", headers: wait)
                #expect(try exec(client, "true")["exitCode"] == .integer(0))
            }
        }

        @Test("a retry finds the exec, and never runs it twice")
        func retry() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let id = ["Operation-Id": UUID().uuidString.lowercased()]
                let first = try exec(client, "echo x >>/ran; wc -l </ran", headers: id)
                #expect(first["stdout"] == .string("1\n"), "\(first.reply.text)")
                for _ in 0..<2 {
                    let again = try exec(client, "echo x >>/ran; wc -l </ran", headers: id)
                    #expect(again.id == first.id && again["exitCode"] == .integer(0))
                    #expect(again["stdout"] == .null && again["stderr"] == .null)
                    try daemon.crashAndRestart()
                }
                #expect(try exec(client, "wc -l </ran")["stdout"] == .string("1\n"))
                let other = try exec(client, "true", headers: id)
                #expect(other.code == "operation-id-reused")
            }
        }

        @Test("if the keeper of an exec is killed, the exec is, and nothing else")
        func keeperKilled() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let (wire, id) = try begin(daemon, client, "sleep 5678")
                defer { wire.finishSending() }  // the client lives until then
                let keepers = daemon.shims.filter { $0 != pod.shimPID }
                #expect(keepers.count == 1)
                for keeper in keepers { kill(keeper, SIGKILL) }
                let ended = try client.follow(id)
                #expect(ended.state == "failed" && ended["error", "code"] == .string("exec-lost"))
                try eventually("its processes are gone") { daemon.sleepers("5678") == 0 }
                try eventually("no cgroup is left") { execCgroups(daemon) == [] }
                #expect(try exec(client, "true")["exitCode"] == .integer(0))
            }
        }

        @Test("if the shim is killed, the exec's end is unknown, and nothing is left")
        func shimKilled() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let (wire, id) = try begin(daemon, client, "sleep 5678")
                defer { wire.finishSending() }  // the client lives until then
                kill(pod.shimPID, SIGKILL)
                let ended = try client.follow(id)
                #expect(ended.state == "failed" && ended["error", "code"] == .string("exec-lost"))
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(daemon.sleepers("5678") == 0 && daemon.leftovers() == [])
            }
        }

        @Test("many execs at once all end, and leave nothing")
        func many() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let (count, socket) = (24, daemon.socket)
                let codes = Mutex<[Int64]>([])
                DispatchQueue.concurrentPerform(iterations: count) { number in
                    let answer = try? exec(Client(socket), "echo \(number); exit \(number)")
                    guard answer?["stdout"] == .string("\(number)\n") else { return }
                    codes.withLock { $0.append(answer?["exitCode"]?.integer ?? -1) }
                }
                #expect(codes.withLock { $0.sorted() } == Array(0..<Int64(count)))
                #expect(execCgroups(daemon) == [])
                try eventually("no keeper is left") {
                    Census.marked(daemon.marks).count == 2
                }
            }
        }
    }
}
