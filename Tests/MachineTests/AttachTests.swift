// The clients of a task's own input and output.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Attach {
        private static let path = "/v1/pods/web/tasks/app"

        /// Answers each line, on both streams, and ends with the code that it is told.
        private static let echo = """
            while read a b; do
                case $a in exit) exit $b;; esac
                echo "got $a"; echo "no $a" >&2
            done
            echo over; exit 7
            """

        private func attach(_ daemon: Daemon, _ framing: Framing) throws -> ExecClient {
            try ExecClient(daemon.socket, Self.path + "/attach", framing, nil)
        }

        private func log(_ client: Client) throws -> String {
            try client.send("GET", Self.path + "/logs").reply.text
        }

        private func descriptors(_ pid: Int32) throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        }

        @Test("each client has the output and may send input", arguments: Framing.allCases)
        func clients(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, #""stdin": true"#))
                let one = try attach(daemon, framing)
                #expect(one.head[header: "upgrade"] == framing.rawValue)
                try one.type("first\n")
                try one.read(until: "got first\n")
                try one.read(2, until: "no first\n")
                let two = try attach(daemon, .frames)
                try two.type("second\n")
                for client in [one, two] {
                    try client.read(until: "got second\n")
                    try client.read(2, until: "no second\n")
                }
                #expect(two.text(1) == "got second\n", "a client gets what comes after it")
                // The end of one client's input is not that of the task's.
                try one.endInput()
                two.wire.finishSending()
                let three = try attach(daemon, framing)
                try three.type("third\n")
                try two.read(until: "got third\n")
                try three.type("exit 3\n")
                for client in [one, two, three] { #expect(try client.exitCode() == 3) }
                try client.waitForTask("web", "app", "exited")
                let log = try log(client)
                for word in ["first", "second", "third"] {
                    #expect(log.contains("got \(word)\n") && log.contains("no \(word)\n"))
                }
                let late = try client.send(
                    "GET", Self.path + "/attach",
                    headers: ["Connection": "Upgrade", "Upgrade": "staunch-stream"])
                #expect(late.status == 409 && late.code == "task-state", "\(late.reply.text)")
            }
        }

        @Test(
            "the daemon's kill ends no stream, and the delete ends each", arguments: [false, true])
        func daemonKilled(_ hasTerminal: Bool) throws {
            try withDaemon { daemon, client in
                let more = #""stdin": true, "tty": \#(hasTerminal), "gracePeriod": 0"#
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, more))
                let attached = try attach(daemon, .frames)
                try attached.type("one\n")
                try attached.read(until: "got one")
                daemon.crash()
                try attached.type("two\n")
                try attached.read(until: "got two")
                try daemon.start()
                let next = try attach(daemon, .webSocket)
                try next.type("three\n")
                try attached.read(until: "got three")
                try Client(daemon.socket).deletePod("web")
                #expect(try attached.status()["signal"] == .string("KILL"))
                #expect(try next.exitCode() == 137)
            }
        }

        @Test(
            "once: the input ends with that of the first client", arguments: [false, true],
            [false, true])
        func once(_ hasTerminal: Bool, _ leaves: Bool) throws {
            try withDaemon { daemon, client in
                let more = #""stdin": true, "stdinOnce": true, "tty": \#(hasTerminal)"#
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, more))
                // A client that sends nothing has no input to end.
                var watcher: ExecClient? = try attach(daemon, .frames)
                _ = watcher?.head
                watcher = nil
                var one: ExecClient? = try attach(daemon, .frames)
                try one?.type("a\n")
                try one?.read(until: "got a")
                let two = try attach(daemon, .frames)
                try two.type("b\n")
                try two.read(until: "got b")
                if leaves { one = nil } else { try one?.endInput() }
                #expect(try two.exitCode() == 7)
                #expect(two.text(1).contains("over"))
                try client.waitForTask("web", "app", "exited")
            }
        }

        @Test("a terminal has a size, and changes it", arguments: Framing.allCases)
        func terminal(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                let script = """
                    trap 'stty size; r=1' WINCH; read a; stty size; echo $TERM; tty; echo got $a
                    while [ ! $r ]; do sleep 0.01; done; cat; exit 4
                    """
                _ = try client.createPod(
                    "web", daemon.rootfs.pod(script, #""stdin": true, "tty": true"#))
                let attached = try attach(daemon, framing)
                try attached.type("abc\n")
                for text in ["24 80\r\n", "xterm\r\n", "/dev/pts/0\r\n", "got abc\r\n"] {
                    try attached.read(until: text)
                }
                let sizes: [Framing: String] = [
                    .frames: #"{"columns": 99, "rows": 22}"#,
                    .webSocket: #"{"Width":99,"Height":22}"#,
                ]
                try attached.send(4, sizes[framing] ?? "")
                try attached.read(until: "22 99\r\n")
                // Without `stdinOnce` a client ends no input, but its user may.
                try attached.endInput()
                let other = try attach(daemon, framing)
                try other.type("\u{4}")
                #expect(try attached.exitCode() == 4)
                #expect(attached.heard[2] == nil)
                #expect(try log(client).contains("22 99\r\n"))
            }
        }

        static let silent = [#""tty": true"#, "", #""log": {"onStall": "block"}"#]

        @Test("a task that takes no input has an output, and refuses input", arguments: silent)
        func outputOnly(_ more: String) throws {
            try withDaemon { daemon, client in
                let script = "until [ -e /go ]; do sleep 0.01; done; echo out; echo err >&2; exit 5"
                _ = try client.createPod("web", daemon.rootfs.pod(script, more))
                let refused = try attach(daemon, .frames)
                try refused.type("x")
                #expect(try refused.status()["error"]?["code"] == .string("stream-malformed"))
                let attached = try attach(daemon, .frames)
                _ = try client.send("POST", Self.path + "/exec", #"{"args": ["touch", "/go"]}"#)
                #expect(try attached.exitCode() == 5)
                let hasTerminal = more.contains("tty")
                #expect(attached.text(1) == (hasTerminal ? "out\r\nerr\r\n" : "out\n"))
                #expect(attached.text(2) == (hasTerminal ? "" : "err\n"))
            }
        }

        @Test(
            "a client of a task that is made and not started sees all of it",
            arguments: [false, true])
        func beforeStart(_ hasTerminal: Bool) throws {
            try withDaemon { daemon, client in
                let more = #""start": false, "stdin": true, "tty": \#(hasTerminal)"#
                _ = try client.createPod("web", daemon.rootfs.pod("echo first; \(Self.echo)", more))
                let shim = try #require(daemon.shims.first)
                let before = try descriptors(shim)
                let attached = try attach(daemon, .frames)
                try attached.type("exit 2\n")
                try eventually("the shim has the client") {
                    try descriptors(shim) > before
                }
                _ = try client.send(
                    "POST", Self.path + "/start", headers: ["Prefer": "wait=60"])
                #expect(try attached.exitCode() == 2)
                #expect(attached.text(1).contains("first"))
            }
        }

        @Test("a client of a task that is never started hears of its end")
        func neverStarted() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod(
                    "web", daemon.rootfs.pod(Self.echo, #""start": false, "stdin": true"#))
                let attached = try attach(daemon, .frames)
                try client.deletePod("web")
                let status = try attached.status()
                #expect(status["exitCode"] == .null && status["signal"] == .null, "\(status)")
            }
        }

        /// A client that has read nothing while the task has written that many bytes. The task
        /// reads one more line.
        private func idleClient(
            _ daemon: Daemon, _ client: Client, bytes: Int
        ) throws -> ExecClient {
            let script = "read a; head -c \(bytes) /dev/zero; touch /done; read a"
            _ = try client.createPod("web", daemon.rootfs.pod(script, #""stdin": true"#))
            let idle = try attach(daemon, .frames)
            try idle.type("go\n")
            let look = #"{"args": ["sh", "-c", "until [ -e /done ]; do sleep 0.01; done"]}"#
            let done = try client.send("POST", Self.path + "/exec", look)
            #expect(done["exitCode"] == .integer(0), "\(done.reply.text)")
            return idle
        }

        @Test("a client that does not keep up is told so, and the task does not wait")
        func behind() throws {
            try withDaemon { daemon, client in
                // More than the socket and the writer keep.
                let idle = try idleClient(daemon, client, bytes: 8_000_000)
                let status = try idle.status()
                #expect(status["error"]?["code"] == .string("stream-behind"), "\(status)")
                #expect((idle.heard[1]?.count ?? 0) < 2_000_000)
                // It may come again.
                let next = try attach(daemon, .frames)
                try next.type("end\n")
                #expect(try next.exitCode() == 0)
            }
        }

        @Test("a client may read a burst of output when it is over")
        func burst() throws {
            try withDaemon { daemon, client in
                let late = try idleClient(daemon, client, bytes: 800_000)
                try late.type("end\n")
                #expect(try late.exitCode() == 0)
                #expect(late.heard[1]?.count == 800_000)
            }
        }

        @Test("each attempt has clients of its own", arguments: [false, true])
        func attempts(_ hasTerminal: Bool) throws {
            try withDaemon { daemon, client in
                let more = """
                    "restart": {"policy": "on-failure", "backoff": {"initial": 0}},
                    "stdin": true, "tty": \(hasTerminal)
                    """
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, more))
                for attempt in 1...3 {
                    let attached = try eventuallySome("attempt \(attempt) takes a client") {
                        let task = try client.send("GET", Self.path)
                        guard task["attempt"] == .integer(Int64(attempt)) else {
                            return nil as ExecClient?
                        }
                        return try? attach(daemon, .frames)
                    }
                    try attached.type("attempt\(attempt)\n")
                    try attached.read(until: "got attempt\(attempt)")
                    try attached.type("exit \(attempt < 3 ? 1 : 0)\n")
                    #expect(try attached.exitCode() == (attempt < 3 ? 1 : 0))
                }
                try client.waitForTask("web", "app", "exited")
                #expect(try log(client).contains("got attempt2"))
            }
        }

        @Test("the next log writer has the input, if one is killed")
        func writerKilled() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, #""stdin": true"#))
                let first = try attach(daemon, .frames)
                try first.type("one\n")
                try first.read(until: "got one")
                let writers = Census.cgroups(of: daemon.cgroupParent).filter {
                    $0.hasSuffix("/log-app")
                }
                let pids = Set(
                    writers.flatMap { path in
                        (text(of: path + "/cgroup.procs") ?? "").split(separator: "\n")
                            .compactMap { Int32($0) }
                    })
                #expect(pids.count == 1, "\(writers)")
                for pid in pids { kill(pid, SIGKILL) }
                #expect((try? first.status()) == nil)
                let next = try eventuallySome("there is another writer") {
                    let next = try attach(daemon, .frames)
                    try next.type("two\n")
                    return (try? next.read(until: "got two")) == nil ? nil : next
                }
                try next.type("exit 3\n")
                #expect(try next.exitCode() == 3)
            }
        }

        @Test("more clients than a task can have are refused, and leave nothing")
        func tooMany() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod(Self.echo, #""stdin": true"#))
                var attached = try (0..<16).map { _ in try attach(daemon, .frames) }
                try attached[15].type("all\n")
                for client in attached { try client.read(until: "got all") }
                let refused = try attach(daemon, .frames)
                #expect(try refused.status()["error"]?["code"] == .string("too-many"))
                attached.removeFirst(8)
                try eventually("there is room again") {
                    let next = try attach(daemon, .frames)
                    try next.type("more\n")
                    return (try? next.read(until: "got more")) != nil
                }
            }
        }

        static let refusals: [(String, Int, String)] = [
            (path + "/attach", 400, "malformed-request"),
            ("/v1/pods/web/tasks/no/attach", 404, "task-unknown"),
        ]

        @Test("a request that leads to no stream is refused", arguments: refusals)
        func refused(_ path: String, _ status: Int, _ code: String) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let headers =
                    status == 400 ? [:] : ["Connection": "Upgrade", "Upgrade": "staunch-stream"]
                let answer = try client.send("GET", path, headers: headers)
                #expect(answer.status == status && answer.code == code, "\(answer.reply.text)")
                let other = try client.send(
                    "PUT", "/v1/pods/other", daemon.rootfs.pod("true", #""stdinOnce": true"#))
                #expect(other.status == 422, "\(other.reply.text)")
            }
        }
    }
}
