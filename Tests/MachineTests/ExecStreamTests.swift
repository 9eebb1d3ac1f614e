// Execs over the client's own connection.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ExecStreams {
        private let path = "/v1/pods/web/tasks/app/exec"

        private func start(
            _ daemon: Daemon, _ framing: Framing, _ script: String, _ more: String = "",
            id: String? = nil, early: [UInt8] = []
        ) throws -> ExecClient {
            let body = """
                {"args": ["sh", "-c", \(quoted(script))]\(more.isEmpty ? "" : ", " + more)}
                """
            return try ExecClient(daemon.socket, path, framing, body, id: id, early: early)
        }

        private func attach(
            _ daemon: Daemon, _ framing: Framing, _ id: String
        ) throws -> ExecClient {
            try ExecClient(daemon.socket, "\(path)/\(id)/attach", framing, nil)
        }

        private func isClean(_ daemon: Daemon) throws {
            try eventually("no cgroup of an exec is left") {
                !Census.cgroups(of: daemon.cgroupParent).contains { $0.contains("/exec-") }
            }
            try eventually("no keeper is left") { Census.marked(daemon.marks).count == 2 }
        }

        @Test(
            "input, output and errors have channels, and the status is last",
            arguments: Framing.allCases)
        func channels(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let early = ExecClient.frame(framing, 0, Array("early\n".utf8))
                let exec = try start(
                    daemon, framing, "echo no >&2; cat; echo end; exit 3", early: early)
                #expect(exec.head[header: "upgrade"] == framing.rawValue)
                if framing == .webSocket {
                    // The example of RFC 6455, section 1.3.
                    let accept = exec.head[header: "sec-websocket-accept"]
                    #expect(accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                }
                try exec.read(until: "early\n")
                try exec.type("late\n")
                try exec.read(until: "late\n")
                try exec.endInput()
                #expect(try exec.exitCode() == 3)
                #expect(exec.text(1) == "early\nlate\nend\n" && exec.text(2) == "no\n")
                let operation = try client.follow(exec.id)
                #expect(operation.state == "succeeded")
                #expect(operation["exec", "exitCode"] == .integer(3))
                try isClean(daemon)
            }
        }

        @Test("a half-closed connection ends the input too", arguments: Framing.allCases)
        func halfClosed(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, framing, "wc -c")
                try exec.type("12345")
                exec.wire.finishSending()
                #expect(try exec.exitCode() == 0)
                #expect(exec.text(1) == "5\n")
            }
        }

        @Test("input of the request is the whole input", arguments: Framing.allCases)
        func wholeInput(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, framing, "cat", #""stdin": "all of it""#)
                #expect(try exec.exitCode() == 0)
                #expect(exec.text(1) == "all of it")
            }
        }

        @Test("a terminal has its size, and changes it", arguments: Framing.allCases)
        func terminal(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(
                    daemon, framing,
                    "trap 'stty size; r=1' WINCH; stty size; echo $TERM; tty; read a; "
                        + "echo got $a; while [ ! $r ]; do sleep 0.01; done; cat; exit 4",
                    #""tty": true, "size": {"columns": 111, "rows": 33}"#)
                try exec.read(until: "33 111\r\n")
                try exec.read(until: "xterm\r\n")
                try exec.read(until: "/dev/pts/")
                try exec.type("abc\n")
                try exec.read(until: "got abc\r\n")
                let sizes: [Framing: String] = [
                    .frames: #"{"columns": 99, "rows": 22}"#,
                    .webSocket: #"{"Width":99,"Height":22}"#,
                ]
                try exec.send(4, sizes[framing] ?? "")
                try exec.read(until: "22 99\r\n")
                // The end of a terminal's input is a character.
                try exec.endInput()
                #expect(try exec.exitCode() == 4)
                #expect(exec.heard[2] == nil)
                try isClean(daemon)
            }
        }

        @Test("an editor in a terminal survives the daemon's kill", arguments: Framing.allCases)
        func editor(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, framing, "exec vi /file", #""tty": true"#)
                try exec.read(until: "/file")
                try exec.type("ihello")
                try exec.read(until: "hello")
                daemon.crash()
                try exec.type(" world\u{1b}")
                try exec.read(until: "world")
                try exec.type(":wq\r")
                #expect(try exec.exitCode() == 0)
                try daemon.start()
                let again = try Client(daemon.socket).follow(exec.id)
                #expect(again["exec", "exitCode"] == .integer(0), "\(again.reply.text)")
                let read = try start(daemon, .frames, "cat /file")
                #expect(try read.exitCode() == 0)
                #expect(read.text(1) == "hello world\n")
                try isClean(daemon)
            }
        }

        @Test("an exec ends with its client", arguments: Framing.allCases, [false, true])
        func ends(_ framing: Framing, _ hasTerminal: Bool) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                var exec: ExecClient? = try start(
                    daemon, framing, "echo begun; sleep 5678", #""tty": \#(hasTerminal)"#)
                try exec?.read(until: "begun")
                let id = exec?.id ?? ""
                #expect(daemon.sleepers("5678") == 1)
                if framing == .webSocket {
                    try exec?.wire.send(ExecClient.webSocket(0x88, [3, 232])[...])
                    #expect(try exec?.receive() == nil)
                } else {
                    exec = nil
                }
                let ended = try client.follow(id)
                #expect(ended["exec", "signal"] == .string("HUP"), "\(ended.reply.text)")
                try eventually("its processes are gone") { daemon.sleepers("5678") == 0 }
                try isClean(daemon)
            }
        }

        @Test(
            "a WebSocket that its client closes is ended, and its exec with it",
            arguments: [false, true])
        func closed(_ isEarly: Bool) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let close = ExecClient.webSocket(0x88, [3, 232])
                // Without output, nothing but the close itself can end it.
                let exec = try start(
                    daemon, .webSocket, isEarly ? "sleep 5678" : "echo begun; sleep 5678",
                    early: isEarly ? close : [])
                if !isEarly {
                    try exec.read(until: "begun")
                    try exec.wire.send(close[...])
                }
                while try exec.receive() != nil {}
                #expect(try exec.wire.takeByte() == nil)
                #expect(try client.follow(exec.id)["exec", "signal"] == .string("HUP"))
                try isClean(daemon)
            }
        }

        @Test(
            "a kept exec outlives its client, and tells the next one its last output",
            arguments: Framing.allCases, [false, true])
        func keeps(_ framing: Framing, _ hasTerminal: Bool) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let script = """
                    echo begun; read a; i=0
                    while [ $i -lt 20000 ]; do i=$((i + 1)); echo line $i; done
                    echo all >&2; echo x >/all; read b; echo $b; exit 5
                    """
                var exec: ExecClient? = try start(
                    daemon, framing, script, #""onDisconnect": "keep", "tty": \#(hasTerminal)"#)
                let id = exec?.id ?? ""
                try exec?.read(until: "begun")
                try exec?.type("go\n")
                exec = nil
                let wait = try start(daemon, .frames, "until [ -e /all ]; do sleep 0.01; done")
                #expect(try wait.exitCode() == 0)
                let next = try attach(daemon, framing, id)
                try next.read(hasTerminal ? 1 : 2, until: "all")
                #expect(next.text(1).contains("line 20000") && !next.text(1).contains("begun"))
                #expect((30_000...66_000).contains(next.heard[1]?.count ?? 0))
                try daemon.crashAndRestart()
                // The newest client takes the exec over.
                let last = try attach(daemon, framing, id)
                try last.read(until: "line 20000")
                #expect(try next.receive() == nil || hasTerminal)
                try last.type("done\n")
                try last.read(until: "done")
                #expect(try last.exitCode() == 5)
                let ended = try Client(daemon.socket).follow(id)
                #expect(ended["exec", "exitCode"] == .integer(5))
                let late = try client.send(
                    "GET", "\(path)/\(id)/attach",
                    headers: ["Connection": "Upgrade", "Upgrade": "staunch-stream"])
                #expect(late.status == 409 && late.code == "exec-ended", "\(late.reply.text)")
                try isClean(daemon)
            }
        }

        @Test("an exec can begin without a client, and end without one")
        func detached() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let body = #"""
                    {"args": ["sh", "-c", "echo begun; read a; echo $a; exit 6"], "tty": true,
                     "onDisconnect": "keep"}
                    """#
                let begun = try client.send(
                    "POST", path, body, headers: ["Prefer": "respond-async"])
                #expect(begun.status == 202, "\(begun.reply.text)")
                let exec = try eventuallySome("it runs, and takes a client") {
                    let exec = try? attach(daemon, .webSocket, begun.id)
                    return (try? exec?.read(until: "begun")) == nil ? nil : exec
                }
                try exec.type("hello\r")
                #expect(try exec.exitCode() == 6)
                let other = try client.send(
                    "POST", path, #"{"args": ["sleep", "5678"], "onDisconnect": "keep"}"#,
                    headers: ["Prefer": "respond-async"])
                // The runtime has started it, and has ended.
                try eventually("it runs") { daemon.sleepers("5678") == 1 && !daemon.hasRuntime }
                _ = try client.send("DELETE", "\(path)/\(other.id)")
                let ended = try client.follow(other.id)
                #expect(ended["exec", "signal"] == .string("HUP"), "\(ended.reply.text)")
                try isClean(daemon)
            }
        }

        static let broken: [(Framing, [UInt8])] = [
            (.frames, [7, 0, 0, 0, 0, 0, 0, 1, 1]), (.frames, [0, 0, 0, 0, 255, 0, 0, 0]),
            (.frames, [1, 0, 0, 0, 0, 0, 0, 1, 1]), (.frames, [3, 0, 0, 0, 0, 0, 0, 0]),
            (.frames, [4, 0, 0, 0, 0, 0, 0, 2, 123, 125]),
            (.frames, [255, 0, 0, 0, 0, 0, 0, 1, 1]),
            (.webSocket, [0x82, 2, 0, 65]),
            (.webSocket, [0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]),
            (.webSocket, [0x83, 0x80, 0, 0, 0, 0]), (.webSocket, [0xc2, 0x80, 0, 0, 0, 0]),
            (.webSocket, [0x80, 0x80, 0, 0, 0, 0]), (.webSocket, [0x09, 0x80, 0, 0, 0, 0]),
        ]

        @Test("a stream that cannot be read is refused, and its exec ends", arguments: broken)
        func refused(_ framing: Framing, _ bytes: [UInt8]) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, framing, "sleep 5678")
                try exec.wire.send(bytes[...])
                let status = try? exec.status()
                if framing == .frames {
                    #expect(status?["error"]?["code"] == .string("stream-malformed"))
                }
                #expect(try client.follow(exec.id)["exec", "signal"] == .string("HUP"))
                try isClean(daemon)
            }
        }

        @Test("input after the end of the input is refused", arguments: Framing.allCases)
        func inputAfterEnd(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, framing, "sleep 5678")
                try exec.endInput()
                try exec.type("more")
                while try exec.receive() != nil {}
                #expect(try client.follow(exec.id)["exec", "signal"] == .string("HUP"))
            }
        }

        static let failures: [(String, Int64?, String?)] = [
            (#"{"args": ["no-such-program"]}"#, 127, nil), (#"{"args": ["/bin"]}"#, 126, nil),
            (#"{"args": ["true"], "user": "nobody-here"}"#, nil, "user-unknown"),
            (#"{"args": ["true"], "cwd": "/no/such"}"#, nil, "runtime-refused"),
            (#"{"args": ["no-such-program"], "tty": true}"#, 127, nil),
        ]

        @Test(
            "an exec that does not run tells its client why", arguments: failures,
            Framing.allCases)
        func failure(_ row: (String, Int64?, String?), _ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try ExecClient(daemon.socket, path, framing, row.0)
                if let code = row.1 {
                    #expect(try exec.exitCode() == code)
                } else {
                    let status = try exec.status()
                    let text = framing == .frames ? status["error"]?["code"] : status["message"]
                    #expect(text?.string?.hasPrefix(row.2 ?? "-") == true, "\(status)")
                }
                try isClean(daemon)
            }
        }

        static let requests: [(String, String, [String: String], Int, String)] = [
            ("POST", #"{"args": ["true"], "tty": true}"#, [:], 422, "invalid-document"),
            (
                "POST", #"{"args": ["true"], "tty": true, "stdin": ""}"#,
                ["Connection": "Upgrade", "Upgrade": "staunch-stream"], 422, "invalid-document"
            ),
            (
                "POST", #"{"args": ["true"]}"#, ["Connection": "upgrade", "Upgrade": "websocket"],
                400, "malformed-request"
            ),
            (
                "POST", #"{"args": ["true"], "size": {"columns": 0}}"#, [:], 422,
                "invalid-document"
            ),
            ("POST", #"{"args": ["true"], "onDisconnect": "no"}"#, [:], 422, "invalid-document"),
        ]

        @Test("a request for a stream that is not possible is refused", arguments: requests)
        func request(
            _ method: String, _ body: String, _ headers: [String: String], _ status: Int,
            _ code: String
        ) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answer = try client.send(method, path, body, headers: headers)
                #expect(answer.status == status && answer.code == code, "\(answer.reply.text)")
                let other = try client.send(
                    "POST", path, #"{"args": ["true"]}"#,
                    headers: ["Connection": "Upgrade", "Upgrade": "h2c"])
                #expect(other.status == 200 && other["exitCode"] == .integer(0))
            }
        }

        @Test("a client that reads nothing stops its exec alone", arguments: Framing.allCases)
        func neverReads(_ framing: Framing) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                var exec: ExecClient? = try start(daemon, framing, "echo x >/begun; exec yes")
                let id = exec?.id ?? ""
                let other = try start(daemon, .frames, "while [ ! -e /begun ]; do :; done")
                #expect(try other.exitCode() == 0)
                for process in daemon.shims {
                    #expect(anonymousKibibytes(of: process) ?? .max < 2048)
                }
                #expect(exec != nil)
                exec = nil
                let ended = try client.follow(id)
                #expect(ended["exec", "signal"]?.string != nil, "\(ended.reply.text)")
                try isClean(daemon)
            }
        }

        @Test("a ping is answered, and a message may be in many frames")
        func pings() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, .webSocket, "cat")
                try exec.wire.send(ExecClient.webSocket(0x89, [1, 2])[...])
                while try exec.receive()?.channel != 200 {}
                #expect(exec.heard[200] == [1, 2])
                try exec.wire.send(ExecClient.webSocket(0x02, [0, 65])[...])
                try exec.wire.send(ExecClient.webSocket(0x89, [3])[...])
                try exec.wire.send(ExecClient.webSocket(0x00, [])[...])
                try exec.wire.send(ExecClient.webSocket(0x80, [66])[...])
                try exec.read(until: "AB")
                try exec.endInput()
                #expect(try exec.exitCode() == 0)
                #expect(exec.heard[200] == [1, 2, 3] && exec.text(1) == "AB")
            }
        }

        @Test("a client of a killed keeper is told that the end is unknown")
        func keeperKilled() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(daemon, .frames, "echo begun; sleep 5678")
                try exec.read(until: "begun")
                let keepers = daemon.shims.filter { $0 != pod.shimPID }
                for keeper in keepers { kill(keeper, SIGKILL) }
                #expect(try exec.status()["error"]?["code"] == .string("exec-lost"))
                try eventually("its processes are gone") { daemon.sleepers("5678") == 0 }
                try isClean(daemon)
            }
        }

        @Test("input that the process does not take is dropped, and the exec goes on")
        func closedInput() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let exec = try start(
                    daemon, .frames,
                    "exec <&-; echo begun; until [ -e /go ]; do sleep 0.01; done; exit 7")
                try exec.read(until: "begun")
                for _ in 0..<3 { try exec.type("lost") }
                #expect(try start(daemon, .frames, "echo x >/go").exitCode() == 0)
                #expect(try exec.exitCode() == 7)
            }
        }

        @Test("a stream ends with its task", arguments: [false, true])
        func endsWithTask(_ isKept: Bool) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let keeps = isKept ? "keep" : "end"
                let exec = try start(
                    daemon, .frames, "trap '' HUP TERM; echo begun; sleep 5678",
                    #""tty": true, "onDisconnect": "\#(keeps)""#)
                try exec.read(until: "begun")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try exec.status()["signal"] == .string("KILL"))
                #expect(daemon.leftovers() == [])
            }
        }
    }
}
