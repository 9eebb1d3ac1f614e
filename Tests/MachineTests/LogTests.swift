// The logs of tasks: read over rotations, by clients that come back, and while disks fail.

import Foundation
import Glibc
import JSON
import Testing

/// curl, which follows a log. Its lines are taken as they come.
final class Following {
    private let process = Process()
    private let output = Pipe()
    private var pending = Data()

    init(_ daemon: Daemon, _ target: String, ndjson: Bool = true) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        process.arguments =
            ["-sN", "--unix-socket", daemon.socket, "http://localhost\(target)"]
            + (ndjson ? ["-H", "Accept: application/x-ndjson"] : [])
        process.standardOutput = output
        try process.run()
    }

    /// The next line; `nil` at the end. It waits for it.
    func next() -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                defer { pending = Data(pending[(end + 1)...]) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            pending += more
        }
    }

    /// Ends the client, and returns whether it had got the whole body.
    func end() -> Bool {
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

extension Machine {
    @Suite(.needsDaemon) struct Logs {
        private static let logs = "/v1/pods/web/tasks/app/logs"

        private func log(
            _ client: Client, _ query: String = "", ndjson: Bool = false
        ) throws -> [String] {
            let answer = try client.send(
                "GET", Self.logs + query,
                headers: ndjson ? ["Accept": "application/x-ndjson"] : [:])
            #expect(answer.status == 200)
            return answer.reply.text.split(separator: "\n").map(String.init)
        }

        private func helpers(_ daemon: Daemon) -> [Int32] {
            names(in: "/proc").compactMap { Int32($0) }.filter { pid in
                let words = (text(of: "/proc/\(pid)/cmdline") ?? "").split(separator: "\0")
                return words.count > 2 && words[1] == "log"
                    && words[2].hasPrefix(daemon.logDirectory + "/")
            }
        }

        @Test("a log is read by stream, time and number, and its task shows what it has had")
        func reads() throws {
            try withDaemon { daemon, client in
                let script = "echo one; echo two >&2; echo three; printf four"
                _ = try client.createPod("web", daemon.rootfs.pod(script))
                _ = try client.waitForTask("web", "app", "exited")
                // A client that follows gets all of it, and the end.
                let following = try Following(daemon, Self.logs + "?follow=true", ndjson: false)
                var lines: [String] = []
                while let line = following.next() { lines.append(line) }
                #expect(following.end())
                #expect(lines.sorted() == ["four", "one", "three", "two"])
                #expect(try log(client).sorted() == lines.sorted())
                #expect(try log(client, "?stream=stderr") == ["two"])
                #expect(try log(client, "?stream=stdout&tail=2") == ["three", "four"])
                #expect(try log(client, "?tail=0") == [])
                #expect(try log(client, "?since=3600&stream=stderr") == ["two"])
                #expect(try log(client, "?since=2999-01-01T00:00:00Z") == [])
                #expect(try log(client, "?until=2020-01-01T00:00:00Z") == [])
                let stamped = try log(client, "?timestamps=true&stream=stderr")
                #expect(stamped.first?.hasSuffix("Z two") == true)
                let task = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(task["log", "bytes"]?.integer == 18)
                #expect(task["log", "lines"]?.integer == 4)
                #expect(task["log", "dropped"]?.integer == 0)
                try eventually("the helpers have ended") { helpers(daemon).isEmpty }
            }
        }

        @Test(
            "a query that means nothing is refused",
            arguments: [
                "tail=-1", "tail=x", "since=yesterday", "until=2026-13-01T00:00:00Z",
                "stream=stdin", "follow=1", "timestamps=yes", "cursor=x",
                "cursor=AZ-rcEm_fJ-wyG8tUP7hSg.0.0", "lines=3", "tail=1&tail=2",
            ])
        func refusals(query: String) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod("echo one; exec sleep 1000"))
                let answer = try client.send("GET", "\(Self.logs)?\(query)")
                #expect(answer.status == 400 && answer.code == "malformed-request")
                let other = "\(Self.logs)?cursor=AZ-rcEm_fJ-wyG8tUP7hSg.1.0"
                let mismatch = try client.send("GET", other)
                #expect(mismatch.status == 412 && mismatch.code == "uid-mismatch")
                let unknown = try client.send("GET", "/v1/pods/web/tasks/none/logs")
                #expect(unknown.code == "task-unknown")
            }
        }

        /// Some 200 KB of lines that are numbered from 1 to 3000.
        private static let counter =
            "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); "
            + "echo $i \(String(repeating: "x", count: 70)); done"

        @Test("a client that comes back with its cursor misses and repeats nothing")
        func cursor() throws {
            try withDaemon { daemon, client in
                let limits = #""log": {"maxSize": 65536, "maxFiles": 1000}"#
                _ = try client.createPod("web", daemon.rootfs.pod(Self.counter, limits))
                var seen: [Int] = []
                var cursor = ""
                for turn in 0..<4 {
                    let place = cursor.isEmpty ? "" : "&cursor=\(cursor)"
                    let following = try Following(daemon, "\(Self.logs)?follow=true\(place)")
                    while seen.count < (turn == 3 ? .max : (turn + 1) * 700) {
                        guard let line = following.next() else { break }
                        let object = try JSONValue.parse(Array(line.utf8))
                        let text = try #require(object["text"]?.string, "\(line)")
                        seen.append(try #require(Int(text.split(separator: " ")[0])))
                        cursor = try #require(object["cursor"]?.string)
                    }
                    switch turn {
                    case 3: #expect(following.end())
                    case 1:
                        daemon.crash()
                        try daemon.start()
                        following.kill()
                    default: following.kill()
                    }
                }
                #expect(seen == Array(1...3000))
                let uid = try client.send("GET", "/v1/pods/web").uid
                let files = try FileManager.default.contentsOfDirectory(
                    atPath: "\(daemon.logDirectory)/\(uid)")
                #expect(files.count > 3)
                try eventually("the helpers have ended") { helpers(daemon).isEmpty }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("only the last files are kept, also over the writer's death, and none is left")
        func rotation() throws {
            try withDaemon { daemon, client in
                let limits = #""log": {"maxSize": 65536, "maxFiles": 3}"#
                let script =
                    "trap '' PIPE; echo begun; while [ ! -e /data/go ]; do sleep 0.02; done; "
                    + Self.counter
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, mount + ", " + limits))
                try eventually("the log is begun") { try log(client) == ["begun"] }
                let hierarchy = Controllers.has("memory") ? "/memory" : "/unified"
                let cgroup = try #require(daemon.cgroup(of: pod, "/pod/log-app", hierarchy))
                kill(try daemon.waitForProcesses(in: cgroup, 1)[0], SIGKILL)
                try write("", to: daemon.home + "/go/go")
                _ = try client.waitForTask("web", "app", "exited")
                let following = try Following(daemon, Self.logs + "?follow=true", ndjson: false)
                var last: String?
                while let line = following.next() { last = line }
                #expect(following.end() && last?.hasPrefix("3000 ") == true)
                let files = try FileManager.default.contentsOfDirectory(
                    atPath: "\(daemon.logDirectory)/\(pod.uid)")
                #expect(files.count == 3, "\(files)")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(!exists("\(daemon.logDirectory)/\(pod.uid)"))
            }
        }

        @Test("more clients follow a log than the kernel has instances of inotify for a user")
        func many() throws {
            try withDaemon { daemon, client in
                let script = "echo one; while [ ! -e /data/go ]; do sleep 0.02; done; echo two"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                _ = try client.createPod("web", daemon.rootfs.pod(script, mount))
                let target = Self.logs + "?follow=true"
                let followers = try (0..<140).map { _ in
                    try Following(daemon, target, ndjson: false)
                }
                for follower in followers { #expect(follower.next() == "one") }
                try write("", to: daemon.home + "/go/go")
                for follower in followers {
                    #expect(follower.next() == "two" && follower.next() == nil)
                    #expect(follower.end())
                }
            }
        }

        @Test("a client that follows ends with the pod, and a client that goes leaves nothing")
        func ends() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.pod("echo one; exec sleep 1000"))
                let stays = try Following(daemon, Self.logs + "?follow=true", ndjson: false)
                let goes = try Following(daemon, Self.logs + "?follow=true", ndjson: false)
                let dies = try Following(daemon, Self.logs + "?follow=true", ndjson: false)
                for following in [stays, goes, dies] { #expect(following.next() == "one") }
                goes.kill()
                try eventually("its helper has ended") { helpers(daemon).count == 2 }
                kill(try #require(helpers(daemon).last), SIGKILL)
                #expect(try client.deletePod("web").state == "succeeded")
                // The client whose helper was killed is told that it has not got everything.
                let whole = [stays, dies].map { following in
                    while following.next() != nil {}
                    return following.end()
                }
                #expect(whole.count { $0 } == 1)
                try eventually("the helpers have ended") { helpers(daemon).isEmpty }
            }
        }
    }
}
