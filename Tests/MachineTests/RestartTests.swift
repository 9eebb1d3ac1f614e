// Tasks that their shim restarts.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Restarts {
        /// Counts its attempts in its own file, tells the count in its log, and ends with it.
        private static let counter = """
            n=$(($(cat /count 2>/dev/null || echo 0) + 1))
            echo $n >/count; echo attempt $n; exit $n
            """

        private func restart(
            _ policy: String, initial: Double = 0.02, max: Double = 0.05, _ more: String = ""
        ) -> String {
            """
            "restart": {"policy": "\(policy)", "backoff": {"initial": \(initial), "max": \(max)}\
            \(more.isEmpty ? "" : ", " + more)}
            """
        }

        private func task(_ client: Client) throws -> Answer {
            try client.send("GET", "/v1/pods/web/tasks/app")
        }

        private func post(
            _ client: Client, _ verb: String, _ body: String = "{}"
        ) throws -> Answer {
            try client.send(
                "POST", "/v1/pods/web/tasks/app/\(verb)", body, headers: ["Prefer": "wait=60"])
        }

        /// Waits until the task waits for its next attempt after `attempt`.
        private func waitForBackoff(_ client: Client, after attempt: Int64 = 1) throws -> Answer {
            try eventuallySome("the task waits for a restart") {
                let seen = try task(client)
                let isWaiting = seen.state == "exited" && seen["nextStartAt"]?.string != nil
                return isWaiting && seen["attempt"]?.integer == attempt ? seen : nil
            }
        }

        /// The exits have no gap, and each is that of its attempt: the counter ends with its
        /// number.
        private func expectCounted(_ task: Answer, upTo least: Int64) throws {
            let exits = try #require(task["exits"]?.elements)
            let attempts = exits.compactMap { $0["attempt"]?.integer }
            let last = try #require(attempts.last)
            #expect(last >= least && attempts == Array((last - Int64(exits.count) + 1)...last))
            #expect(exits.count == min(16, Int(last)))
            for exit in exits where exit["exitCode"]?.integer != nil {
                let attempt = try #require(exit["attempt"]?.integer)
                #expect(exit["exitCode"]?.integer == attempt % 256, "\(exit)")
            }
            #expect(task["lastExit"] == exits.last)
        }

        /// Each attempt has one event for its start and one for its exit, in their order.
        private func expectEvents(_ daemon: Daemon, _ end: (String, String?)) throws -> Int64 {
            let events = try EventStream(daemon, "since=0").read(until: end).filter {
                $0["kind"] == .string("task") && $0["attempt"] != nil
            }
            let seen = events.map { "\($0["state"]?.string ?? "") \($0["attempt"]?.integer ?? 0)" }
            let last = events.last?["attempt"]?.integer ?? 0
            var expected = (1...max(1, last)).flatMap { ["running \($0)", "exited \($0)"] }
            if seen.last == "running \(last)" { expected.removeLast() }
            #expect(seen == expected)
            return last
        }

        @Test("a task is restarted with its files, and each attempt has one exit and its events")
        func restarts() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(Self.counter, restart("always")))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it has been restarted often") {
                    try task(client)["restarts"]?.integer ?? 0 >= 20
                }
                try expectCounted(task(client), upTo: 20)
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the log goes on") {
                    text(of: log)?.contains("stdout F attempt 20\n") == true
                }
                #expect(text(of: log)?.contains("stdout F attempt 1\n") == true)
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try expectEvents(daemon, ("pod.gone", nil)) >= 20)
            }
        }

        @Test("a task is restarted while no daemon runs, and the next daemon learns every exit")
        func withoutDaemon() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(Self.counter, restart("always")))
                daemon.crash()
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                // More than one answer of the shim contains.
                try eventually("it is restarted", within: 90) {
                    text(of: log)?.contains("stdout F attempt 90\n") == true
                }
                try daemon.start()
                try eventually("the daemon knows") {
                    try task(client)["lastExit", "attempt"]?.integer ?? 0 >= 90
                }
                try expectCounted(task(client), upTo: 90)
                #expect(try post(client, "stop").state == "succeeded")
                let stopped = try task(client)
                #expect(stopped.state == "exited" && stopped["nextStartAt"] == .null)
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try expectEvents(daemon, ("pod.gone", nil)) >= 90)
            }
        }

        @Test("no exit is lost or doubled when the daemon is killed again and again")
        func killedDaemon() throws {
            try withDaemon { daemon, client in
                let quick = restart("always", initial: 0, max: 0)
                _ = try client.createPod("web", daemon.rootfs.pod(Self.counter, quick))
                var last: Int64 = 0
                for round in 0..<(Installation.isDeep ? 60 : 12) {
                    // Later in each round, so that the kill moves through the daemon's work.
                    Thread.sleep(forTimeInterval: Double(round % 12) * 0.01)
                    try daemon.crashAndRestart()
                    try eventually("it goes on") {
                        try task(client)["lastExit", "attempt"]?.integer ?? 0 > last
                    }
                    last = try #require(task(client)["lastExit", "attempt"]?.integer)
                    try expectCounted(task(client), upTo: 1)
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try expectEvents(daemon, ("pod.gone", nil)) >= last)
            }
        }

        @Test("a task is restarted only after the exits that its policy names, and only so often")
        func policies() throws {
            try withDaemon { daemon, client in
                let tasks = [
                    "good": ("exit 0", restart("on-failure")),
                    "bad": (Self.counter, restart("on-failure", #""maxRetries": 3"#)),
                    "late": (
                        "if [ -e /mark ]; then exit 0; fi; echo >/mark; exit 9",
                        restart("on-failure")
                    ),
                    "once": ("exit 5", restart("never")),
                ].map { "\"\($0.key)\": \(daemon.rootfs.task($0.value.0, $0.value.1))" }
                _ = try client.createPod("web", "{\"tasks\": {\(tasks.joined(separator: ","))}}")
                let ends: [(String, Int64, Int64)] = [
                    ("good", 1, 0), ("bad", 4, 4), ("late", 2, 0), ("once", 1, 5),
                ]
                for (name, attempt, code) in ends {
                    let ended = try eventuallySome("\(name) has ended for good") {
                        let seen = try client.send("GET", "/v1/pods/web/tasks/\(name)")
                        let isOver = seen.state == "exited" && seen["nextStartAt"] == .null
                        return isOver && seen["attempt"]?.integer == attempt ? seen : nil
                    }
                    #expect(ended["exitCode"]?.integer == code, "\(ended.reply.text)")
                    let start = try client.send("POST", "/v1/pods/web/tasks/\(name)/start")
                    #expect(start.code == "task-state")
                }
            }
        }

        @Test("each pause is twice as long as the last one, and a start does not wait for it")
        func backoff() throws {
            try withDaemon { daemon, client in
                let slow = restart("always", initial: 600, max: 86400)
                _ = try client.createPod("web", daemon.rootfs.pod(Self.counter, slow))
                for (attempt, pause) in [(1, 600), (2, 1200), (3, 2400)] as [(Int64, Double)] {
                    let waiting = try waitForBackoff(client, after: attempt)
                    let next = try #require(waiting["nextStartAt"]?.string.flatMap(time))
                    let end = try #require(waiting["finishedAt"]?.string.flatMap(time))
                    #expect(abs(next.timeIntervalSince(end) - pause) < 1, "\(waiting.reply.text)")
                    if attempt == 2 { try daemon.crashAndRestart() }
                    let start = try post(client, "start")
                    #expect(start.state == "succeeded", "\(start.reply.text)")
                }
                let waiting = try waitForBackoff(client, after: 4)
                try expectCounted(waiting, upTo: 4)
            }
        }

        private func time(_ text: String) -> Date? {
            do {
                return try Date(
                    text,
                    strategy: .iso8601.year().month().day()
                        .time(includingFractionalSeconds: true).timeZone(separator: .omitted))
            } catch { return nil }
        }

        enum End: String, CaseIterable, Sendable { case stop, stopPod, release, delete, deleteTask }

        @Test(
            "a stop and a delete end the wait for a restart at once, and for good",
            arguments: End.allCases)
        func ended(_ end: End) throws {
            try withDaemon { daemon, client in
                let slow = restart("always", initial: 3600, max: 3600)
                _ = try client.createPod("web", daemon.rootfs.pod(Self.counter, slow))
                let before = try waitForBackoff(client)
                let wait = ["Prefer": "wait=60"]
                let ended =
                    switch end {
                    case .stop: try post(client, "stop")
                    case .stopPod:
                        try client.send("POST", "/v1/pods/web/stop", "{}", headers: wait)
                    case .release:
                        try client.send(
                            "POST", "/v1/pods/web/stop", #"{"release": true}"#, headers: wait)
                    case .delete: try client.deletePod("web")
                    case .deleteTask:
                        try client.send("DELETE", "/v1/pods/web/tasks/app", headers: wait)
                    }
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(ended["exits", "app", "exitCode"] == .integer(1))
                guard end != .delete, end != .deleteTask else { return }
                try daemon.crashAndRestart()
                let task = try task(client)
                #expect(task.state == "exited" && task["nextStartAt"] == .null)
                #expect(task["exits"] == before["exits"])
                #expect(try post(client, "start").status == 409)
            }
        }

        @Test("a delete of a task that is being restarted all the time ends")
        func deletedInTheLoop() throws {
            try withDaemon { daemon, client in
                let quick = restart("always", initial: 0, max: 0)
                for round in 0..<(Installation.isDeep ? 40 : 8) {
                    _ = try client.createPod("web", daemon.rootfs.pod("exit 3", quick))
                    Thread.sleep(forTimeInterval: Double(round % 8) * 0.011)
                    let delete = try client.deletePod("web")
                    #expect(delete.state == "succeeded", "\(delete.reply.text)")
                }
            }
        }

        @Test("an attempt leaves no process and no cgroup to the next one")
        func clears() throws {
            try withDaemon { daemon, client in
                let script = "sleep 98765 & echo $((1)) >>/starts; exit 2"
                let shared = daemon.rootfs.pod(
                    script, restart("always", #""maxRetries": 5"#), podMore: #""sharePID": true"#)
                let pod = try client.createPod("web", shared)
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it has ended for good") {
                    let seen = try task(client)
                    return seen["attempt"]?.integer == 6 && seen.state == "exited"
                }
                let cgroup = "\(daemon.cgroupParent)/\(pod.uid)/pod/task-app"
                try eventually("no process is left") {
                    Census.cgroups(of: cgroup).allSatisfy {
                        (text(of: $0 + "/cgroup.procs") ?? "").isEmpty
                    }
                }
            }
        }

        @Test("an attempt that exceeds its memory is told as that attempt's")
        func memory() throws {
            try withDaemon { daemon, client in
                let script = "[ -e /mark ] && exit 4; echo >/mark; exec tail /dev/zero"
                let more = #""resources": {"memory": 16777216}, "#
                _ = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        script, more + restart("on-failure", #""maxRetries": 1"#)))
                try eventually("it has ended for good") {
                    let seen = try task(client)
                    return seen["attempt"]?.integer == 2 && seen.state == "exited"
                }
                let exits = try #require(task(client)["exits"]?.elements)
                #expect(exits.map { $0["oomKilled"] } == [.bool(true), .bool(false)])
                #expect(exits.first?["signal"]?.string == "KILL")
                #expect(exits.last?["exitCode"]?.integer == 4)
            }
        }

        enum Moment: String, CaseIterable, Sendable {
            case waiting, running
            case inTheLoop = "in the loop"
        }

        @Test(
            "the exits that a killed shim has stored are told, and no exit is invented",
            arguments: Moment.allCases)
        func lostShim(_ moment: Moment) throws {
            try withDaemon { daemon, client in
                let body =
                    switch moment {
                    case .waiting:
                        daemon.rootfs.pod(Self.counter, restart("always", initial: 900, max: 900))
                    case .running:
                        daemon.rootfs.pod(
                            "[ -e /mark ] && exec sleep 1000; echo >/mark; exit 1",
                            restart("always"))
                    case .inTheLoop: daemon.rootfs.pod(Self.counter, restart("always"))
                    }
                let pod = try client.createPod("web", body)
                switch moment {
                case .waiting: _ = try waitForBackoff(client)
                case .running:
                    try eventually("it runs again") {
                        let seen = try task(client)
                        return seen.state == "running" && seen["attempt"]?.integer == 2
                    }
                case .inTheLoop:
                    daemon.crash()
                    let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                    try eventually("it is restarted") {
                        text(of: log)?.contains("stdout F attempt 20\n") == true
                    }
                }
                kill(pod.shimPID, SIGKILL)
                if moment == .inTheLoop { try daemon.start() }
                try eventually("the pod is lost") {
                    try client.send("GET", "/v1/pods/web").state == "lost"
                }
                let lost = try task(client)
                #expect(lost.state == "exited" && lost["nextStartAt"] == .null)
                try expectCounted(lost, upTo: moment == .inTheLoop ? 20 : 1)
                let unknown = (lost["exits"]?.elements ?? []).filter {
                    $0["exitUnknown"] == .bool(true)
                }
                switch moment {
                case .waiting: #expect(unknown == [])
                case .running: #expect(unknown == [lost["lastExit"]])
                // The last attempt may have been running.
                case .inTheLoop: #expect(unknown == [] || unknown == [lost["lastExit"]])
                }
                #expect(try client.deletePod("web").state == "succeeded")
                _ = try expectEvents(daemon, ("pod.gone", nil))
            }
        }

        @Test("a restart waits for room in the run directory, and says so")
        func noRoom() throws {
            try withSmallDisk(
                "restart without room, run directory", \.runDirectory, megabytes: 32
            ) { daemon, client, disk in
                let slow = restart("always", initial: 1, max: 1)
                _ = try client.createPod("web", daemon.rootfs.pod(Self.counter, slow))
                try eventually("it has ended") { try task(client)["lastExit", "attempt"] != nil }
                try disk.fill(.room)
                let waiting = try eventuallySome("it waits for room") {
                    let seen = try task(client)
                    let reason = seen["startWaitsFor"]?.string ?? ""
                    return reason.contains("ENOSPC") ? seen : nil
                }
                daemon.expectAnswers()
                let attempt = try #require(waiting["attempt"]?.integer)
                try disk.relieve(.room)
                try eventually("it is restarted") {
                    try task(client)["lastExit", "attempt"]?.integer ?? 0 > attempt
                }
                let later = try task(client)
                try expectCounted(later, upTo: attempt + 1)
                #expect(
                    (later["exits"]?.elements ?? []).allSatisfy {
                        $0["exitUnknown"] == .bool(false)
                    })
            }
        }

        @Test(
            "a directory in place of the file of exits delays the restart, and is named",
            arguments: [true, false])
        func noFile(isDaemonThere: Bool) throws {
            try withDaemon { daemon, client in
                let script = "[ -e /mark ] && { echo again; exit 2; }; echo >/mark; exec sleep 1000"
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, restart("always", initial: 0.1, max: 600)))
                let file = "\(daemon.runDirectory)/pods/\(pod.uid)/tasks/app/exits"
                try eventually("its program runs") {
                    text(of: "/proc/\(pod.taskPID())/cmdline")?.hasPrefix("sleep") == true
                }
                if !isDaemonThere { daemon.crash() }
                try Command.expect("sh", "-c", "rm '\(file)' && mkdir '\(file)'")
                kill(Int32(pod.taskPID()), SIGKILL)
                // The shim has stored the exit, as far as it can, before it reaps.
                try eventually("it is reaped") { !exists("/proc/\(pod.taskPID())") }
                if isDaemonThere {
                    let waiting = try eventuallySome("it says what it waits for") {
                        let seen = try task(client)
                        let reason = seen["startWaitsFor"]?.string ?? ""
                        return reason.contains("EISDIR") ? seen : nil
                    }
                    #expect(waiting["signal"]?.string == "KILL", "the shim knows the exit")
                }
                try Command.expect("rmdir", file)
                try eventually("it is restarted") {
                    text(of: "\(daemon.logDirectory)/\(pod.uid)/app.log")?.contains("again") == true
                }
                if !isDaemonThere { try daemon.start() }
                try eventually("the daemon knows") {
                    try task(client)["lastExit", "attempt"]?.integer ?? 0 > 1
                }
                let exits = try #require(task(client)["exits"]?.elements)
                #expect(exits.first?["signal"]?.string == "KILL", "\(exits)")
                #expect(exits.count > 1 && exits[1]["exitCode"]?.integer == 2)
            }
        }
    }
}
