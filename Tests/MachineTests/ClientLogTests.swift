// Log files that clients name, and their rotation by clients.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ClientLogs {
        private static let task = "/v1/pods/web/tasks/app"

        /// A daemon that allows log files below the directory `logs` of the test.
        private func withLogs(
            _ body: (Daemon, Client, _ root: String) throws -> Void
        ) throws {
            try withDaemon(setUp: { daemon in
                daemon.arguments += ["--log-root", daemon.home + "/logs"]
                try makeDirectory(daemon.home + "/logs/a")
            }) { daemon, client in try body(daemon, client, daemon.home + "/logs") }
        }

        private func pod(_ daemon: Daemon, _ script: String, _ path: String, _ more: String = "")
            -> String
        {
            daemon.rootfs.pod(script, #""log": {"path": "\#(path)"}"# + more)
        }

        private func reopen(_ client: Client) throws -> Answer {
            try client.send("POST", Self.task + "/logs/reopen")
        }

        /// The text of each line of a log file; each is whole.
        private func lines(_ path: String) throws -> [String] {
            let content = try #require(text(of: path), "\(path) does not exist")
            #expect(content.isEmpty || content.hasSuffix("\n"))
            return try content.split(separator: "\n").map { line in
                let parts = line.split(separator: " ", maxSplits: 3)
                try #require(parts.count == 4 && parts[2] == "F", "\(line)")
                return String(parts[3])
            }
        }

        @Test("a silent task has its file before its create has ended, and no delete removes it")
        func silent() throws {
            try withLogs { daemon, client, root in
                let path = root + "/a/0.log"
                let old = umask(0o077)
                defer { umask(old) }
                let created = try client.createPod("web", pod(daemon, "exec sleep 1000", path))
                let status = try Command.expect("stat", "-c", "%a %u %s", path)
                #expect(status == "640 0 0\n")
                let task = try client.send("GET", Self.task)
                #expect(task["log", "path"]?.string == path)
                #expect(task["log", "maxSize"] == .null && task["log", "maxFiles"] == .null)
                let server = try client.send("GET", "/v1")
                #expect(server["logRoots"]?.elements?.compactMap(\.string) == [root])
                let place = try #require(created.reply[header: "operation-location"])
                let steps = try client.send("GET", place)["steps"]?.elements ?? []
                #expect(
                    steps.compactMap { $0["name"]?.string } == [
                        "shim.start", "rootfs.mount", "log.open", "task.create",
                    ])
                // A client's file is no orphan, and it stays.
                #expect(try client.deletePod("web").state == "succeeded")
                _ = try client.send("GET", "/v1/audit?fresh=true")
                #expect(exists(path) && !exists("\(daemon.logDirectory)/\(created.uid)"))
                // The next task of the name goes on in it.
                _ = try client.createPod("web", pod(daemon, "echo one", path))
                _ = try client.waitForTask("web", "app", "exited")
                try eventually("the log is complete") { try lines(path) == ["one"] }
                #expect(try client.send("DELETE", Self.task).status < 300)
                try eventually("the task is gone") {
                    try client.send("GET", Self.task).status == 404
                }
                #expect(try lines(path) == ["one"])
            }
        }

        @Test("a path that is not allowed is refused by the name of the member")
        func refusals() throws {
            try withLogs { daemon, client, root in
                func refused(_ path: String, _ more: String = "") throws -> String? {
                    let body = daemon.rootfs.pod(
                        "exec sleep 1000", #""log": {"path": "\#(path)"\#(more)}"#)
                    let answer = try client.send("PUT", "/v1/pods/web", body)
                    #expect(answer.status == 422 && answer.code == "invalid-document", "\(path)")
                    return answer["errors"]?.elements?.first?["pointer"]?.string
                }
                let own = daemon.logDirectory
                for path in [
                    "a/0.log", root, root + "/", root + "/../0.log", root + "/./0.log",
                    root + "//0.log", root + "/a/", root + "x/0.log", own + "/0.log", "/0.log",
                ] {
                    #expect(try refused(path) == "/tasks/app/log/path", "\(path)")
                }
                let path = root + "/a/0.log"
                #expect(try refused(path, #", "maxSize": 100000"#) == "/tasks/app/log/maxSize")
                #expect(try refused(path, #", "maxFiles": 3"#) == "/tasks/app/log/maxFiles")
                #expect(!exists(path))
                // The same for a task of its own, and a request may repeat what the task shows.
                _ = try client.createPod("web", pod(daemon, "exec sleep 1000", path))
                let other = try client.send(
                    "PUT", "/v1/pods/web/tasks/more",
                    daemon.rootfs.task("true", #""log": {"path": "/0.log"}"#))
                #expect(other["errors"]?.elements?.first?["pointer"]?.string == "/log/path")
                let shown = #""log": {"path": "\#(path)", "maxSize": null, "maxFiles": null}"#
                let again = try client.send(
                    "PUT", "/v1/pods/web", daemon.rootfs.pod("exec sleep 1000", shown))
                #expect(again.status == 200)
                let conflict = try client.send(
                    "PUT", "/v1/pods/web", pod(daemon, "exec sleep 1000", path + "x"))
                #expect(conflict.status == 409 && conflict.code == "spec-conflict")
                #expect(
                    conflict["errors"]?.elements?.first?["pointer"]?.string
                        == "/tasks/app/log/path")
            }
        }

        @Test(
            "a create with a trap at the file's place fails, and nothing is made or left",
            arguments: [
                ("does not exist", "rmdir a"), ("symbolic link", "ln -s ../../victim a/0.log"),
                ("symbolic link", "rmdir a; ln -s .. a"), ("regular file", "mkfifo a/0.log"),
                ("regular file", "mkdir a/0.log"), ("regular file", "mknod a/0.log c 1 3"),
                ("hard link", "ln ../victim a/0.log"),
            ])
        func traps(what: String, script: String) throws {
            try withLogs { daemon, client, root in
                try write("precious", to: daemon.home + "/victim")
                try Command.expect("sh", "-ec", "cd \(root); \(script)")
                let before = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
                let answer = try client.send(
                    "PUT", "/v1/pods/web", pod(daemon, "echo one", root + "/a/0.log"),
                    headers: ["Prefer": "wait=30"])
                #expect(answer.status == 422 && answer.code == "log-path-refused")
                #expect(answer["detail"]?.string?.contains(what) == true, "\(answer.reply.text)")
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
                let after = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
                #expect(after == before)
                #expect(text(of: daemon.home + "/victim") == "precious")
            }
        }

        @Test("a rename and a reopening under load lose and split no line, over a daemon's death")
        func rotates() throws {
            try withLogs { daemon, client, root in
                let path = root + "/a/0.log"
                // It writes until it is told to end, and says how much that was.
                let script =
                    "i=0; while [ ! -e /data/end ]; do i=$((i+1)); echo line $i; done; echo end $i"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                _ = try client.createPod("web", pod(daemon, script, path, ", " + mount))
                let turns = 12
                for turn in 1...turns {
                    try eventually("lines come") { (text(of: path)?.count ?? 0) > 5000 }
                    try Command.expect("mv", path, "\(path).\(turn)")
                    if turn == 6 {
                        daemon.crash()
                        try daemon.start()
                    }
                    // By itself the writer makes no file.
                    #expect(!exists(path))
                    let answer = try reopen(client)
                    #expect(answer.status == 200 && answer.state == "succeeded")
                    #expect(exists(path), "the file is there when the answer is")
                    // Nothing is written to the former file from now on.
                    let size = try Command.expect("stat", "-c", "%s", "\(path).\(turn)")
                    try eventually("lines come") { (text(of: path)?.count ?? 0) > 100 }
                    #expect(try Command.expect("stat", "-c", "%s", "\(path).\(turn)") == size)
                }
                try write("", to: daemon.home + "/go/end")
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["exitCode"]?.integer == 0)
                try eventually("the log is complete") {
                    try lines(path).last?.hasPrefix("end ") == true
                }
                var all = try (1...turns).flatMap { try lines("\(path).\($0)") }
                all += try lines(path)
                let last = try #require(all.popLast()?.split(separator: " ").last)
                #expect(all == (1...(try #require(Int(last)))).map { "line \($0)" })
                let shown = try client.send("GET", Self.task)
                #expect(shown["log", "dropped"]?.integer == 0)
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: root + "/a").count == 13)
            }
        }

        @Test("a failed reopening makes nothing, says why, and the log goes on in the former file")
        func fails() throws {
            try withLogs { daemon, client, root in
                let path = root + "/a/0.log"
                let script =
                    "echo one; while [ ! -e /data/go ]; do sleep 0.02; done; echo two; "
                    + "while [ ! -e /data/end ]; do sleep 0.02; done; echo three"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                _ = try client.createPod("web", pod(daemon, script, path, ", " + mount))
                try eventually("the log is begun") { try lines(path) == ["one"] }
                try Command.expect("mv", root + "/a", root + "/b")
                let missing = try reopen(client)
                #expect(missing.status == 422 && missing.code == "log-path-refused")
                #expect(missing["detail"]?.string?.contains("does not exist") == true)
                #expect(!exists(root + "/a"))
                try write("", to: daemon.home + "/go/go")
                try eventually("the log goes on") { try lines(root + "/b/0.log").last == "two" }
                // The client gives the name back, as it does after a failure.
                try Command.expect("mv", root + "/b", root + "/a")
                #expect(try reopen(client).status == 200)
                try write("", to: daemon.home + "/go/end")
                _ = try client.waitForTask("web", "app", "exited")
                try eventually("the log is complete") {
                    try lines(path) == ["one", "two", "three"]
                }
                // An ended task keeps its file: a rotation has to give its name back.
                try Command.expect("mv", path, path + ".1")
                let ended = try reopen(client)
                #expect(ended.status == 409 && ended.code == "task-state" && !exists(path))
            }
        }

        @Test("a reopening works before the first output, and only for a task with a path")
        func silentReopening() throws {
            try withLogs { daemon, client, root in
                let path = root + "/a/0.log"
                let more = #", "start": false"#
                _ = try client.createPod("web", pod(daemon, "echo one; sleep 1000", path, more))
                for state in ["created", "running"] {
                    try Command.expect("mv", path, path + "." + state)
                    #expect(try reopen(client).status == 200)
                    let status = try Command.expect("stat", "-c", "%a %s", path)
                    #expect(status == "640 0\n")
                    if state == "running" { break }
                    #expect(try client.send("POST", Self.task + "/start").status == 202)
                    _ = try client.waitForTask("web", "app", "running")
                    try eventually("the log is begun") { try lines(path) == ["one"] }
                }
                #expect(try client.send("POST", Self.task + "/pause").status == 202)
                _ = try client.waitForTask("web", "app", "paused")
                #expect(try reopen(client).status == 200)
                _ = try client.createPod("own", daemon.rootfs.pod("exec sleep 1000"))
                let own = try client.send("POST", "/v1/pods/own/tasks/app/logs/reopen")
                #expect(own.status == 409 && own.code == "task-state")
                #expect(own["detail"]?.string?.contains("no path") == true)
                // A client that wants no answer does not wait.
                let later = try client.send(
                    "POST", Self.task + "/logs/reopen", headers: ["Prefer": "wait=0"])
                #expect(later.status == 202)
                #expect(try client.follow(later.id).state == "succeeded")
            }
        }

        @Test("a log is read and followed over the client's rotations, and two tasks share a file")
        func reads() throws {
            try withLogs { daemon, client, root in
                let path = root + "/a/0.log"
                let script =
                    "echo one; while [ ! -e /data/go ]; do sleep 0.02; done; echo two; "
                    + "while [ ! -e /data/end ]; do sleep 0.02; done; echo three >&2"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                _ = try client.createPod("web", pod(daemon, script, path, ", " + mount))
                let following = try Following(
                    daemon, Self.task + "/logs?follow=true", ndjson: false)
                #expect(following.next() == "one")
                try Command.expect("mv", path, path + ".1")
                try write("", to: daemon.home + "/go/go")
                #expect(following.next() == "two")
                #expect(try reopen(client).status == 200)
                try write("", to: daemon.home + "/go/end")
                #expect(following.next() == "three" && following.next() == nil)
                #expect(following.end())
                let log = try client.send("GET", Self.task + "/logs?stream=stderr&tail=1")
                #expect(log.status == 200 && log.reply.text == "three\n")
                // Each writes whole lines.
                let shared = root + "/a/shared.log"
                let count = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $0 $i; done"
                let tasks = ["x", "y"].map { name in
                    let args = ["sh", "-c", count, name]
                    return "\"\(name)\": "
                        + daemon.rootfs.task(args: args, #""log": {"path": "\#(shared)"}"#)
                }
                _ = try client.createPod("two", "{\"tasks\": {\(tasks.joined(separator: ", "))}}")
                for name in ["x", "y"] {
                    _ = try client.waitForTask("two", name, "exited")
                    try eventually("the log is complete") {
                        try lines(shared).filter { $0.hasPrefix(name) }
                            == (1...3000).map { "\(name) \($0)" }
                    }
                }
            }
        }
    }
}
