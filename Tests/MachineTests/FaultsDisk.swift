// A disk that stops answering under each step that needs a disk. A process that waits for it is in
// state D, and only the disk can end the wait.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct DiskFaults {
        @Test("a delete with files on a hung disk waits, and reports that")
        func filesRemove() throws {
            try withStallingData("disk under files.remove") { daemon, client, disk in
                let pod = try client.createPod("web", daemon.rootfs.pod(Self.busy))
                try client.waitForUpper(pod, "one", daemon)
                try disk.stall()
                let stuck = try client.delete("web", why: "remove files", "state D")
                try daemon.expectServes(stuck, others: false)
                try eventually("it is shown as stalled") {
                    try client.send("GET", "/v1/operations/\(stuck.operation)")[
                        "stalled", "step"]?.string == "files.remove"
                }
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a delete with volumes on a hung disk waits, and says which step waits")
        func volumesRemove() throws {
            try withStallingData("disk under volumes.remove") { daemon, client, disk in
                // The task writes nothing else, so its overlay has nothing to wait for.
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "touch /cache/one; exec sleep 1000", Scenario.mounts,
                        podMore: Scenario.volumes))
                let file = "\(daemon.dataDirectory)/\(pod.uid)/.volumes/cache/one"
                try eventually("it is written") { exists(file) }
                try disk.stall()
                let stuck = try client.delete("web", why: "remove files", "state D")
                try daemon.expectServes(stuck, others: false)
                try eventually("it is shown as stalled") {
                    try client.send("GET", "/v1/operations/\(stuck.operation)")[
                        "stalled", "step"]?.string == "volumes.remove"
                }
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a check that waits for a hung disk fails in time, and delays its own pod alone")
        func check() throws {
            try withStallingData("disk under a check") { daemon, client, disk in
                let health = #"""
                    "health": {"exec": {"args": ["sh", "-c", "echo >/cache/$$"]}, "interval": 0.2,
                    "timeout": 0.5, "retries": 1}
                    """#
                _ = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 1000", Scenario.mounts + ", " + health,
                        podMore: Scenario.volumes))
                func told(_ wanted: String, _ member: String = "output") throws {
                    try eventually("the check is \(wanted)") {
                        let task = try client.send("GET", "/v1/pods/web/tasks/app")
                        return task["health", member]?.string?.hasPrefix(wanted) ?? false
                    }
                }
                try told("healthy", "state")
                try disk.stall()
                try told("no result within 500 ms")
                try told("the last check has not ended: pid ")
                let stuck = try client.delete("web", why: "state D")
                try daemon.expectServes(stuck, others: false)
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a delete cancels a create whose volumes hang on a disk, and waits for the helper")
        func volumesCreate() throws {
            try withStallingData("disk under volumes.create") { daemon, client, disk in
                try disk.stall()
                let create = try client.send(
                    "PUT", "/v1/pods/web", Scenario.pod(daemon.rootfs))
                let making = Stuck(create.id, of: "web", why: "make files", "state D")
                try daemon.expectNamed(making, client)
                var stuck = try client.delete("web", why: "make files", "state D")
                stuck.before = create.id
                try daemon.expectServes(stuck, others: false)
                disk.resume()
                try daemon.expectEnds(stuck)
                #expect(
                    try client.send("GET", "/v1/operations/\(create.id)").state == "canceled")
            }
        }

        @Test("an unmount that a hung disk holds in the kernel delays only its own delete")
        func unmount() throws {
            try withStallingData("disk under rootfs.unmount") { daemon, client, disk in
                let pod = try client.createPod("web", daemon.rootfs.pod(Self.busy))
                try client.waitForUpper(pod, "one", daemon)
                // From here on only the overlay holds the file: the last reference goes with the
                // mount.
                removeFile(daemon.upper(pod) + "/one")
                try disk.stall()
                let stuck = try client.delete("web", why: "umount2", "state D")
                try daemon.expectServes(stuck, others: false)
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a delete cancels a create whose mount hangs on a disk, and waits for the mount")
        func mount() throws {
            try withStallingData("disk under rootfs.mount") { daemon, client, disk in
                try disk.stall()
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let mounting = Stuck(create.id, of: "web", why: "mount", "state D")
                try daemon.expectNamed(mounting, client)
                var stuck = try client.delete("web", why: "mount", "state D")
                stuck.before = create.id
                try daemon.expectServes(stuck, others: false)
                disk.resume()
                try daemon.expectEnds(stuck)
                let given = try client.send("GET", "/v1/operations/\(create.id)")
                #expect(given.state == "canceled")
                #expect(given["supersededBy"]?.string == stuck.operation)
            }
        }

        @Test("a hung log disk delays neither the task nor its exit")
        func log() throws {
            var disk: StallingDisk?
            try withFault(
                "disk under the log",
                setUp: { disk = try StallingDisk(at: $0.logDirectory, of: $0) }
            ) { daemon, client in
                let disk = try #require(disk)
                // More output than the pipes between the task and its log hold.
                let script =
                    "while [ ! -e /data/go ]; do sleep 0.02; done; "
                    + "dd if=/dev/zero bs=1024 count=4096 2>&- | tr '\\0' '\\n'; exit 42"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("echo begun; " + script, mount))
                let file = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the log is begun") { text(of: file)?.contains("begun") == true }
                try disk.stall()
                try write("", to: daemon.home + "/go/go")
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["exitCode"]?.integer == 42)
                let stuck = try client.delete("web", why: "log writer", "pid")
                try daemon.expectServes(stuck)
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a hung log disk drops output or stops the task, as the task has asked for")
        func stalledLogs() throws {
            var disk: StallingDisk?
            try withFault(
                "disk under the logs of two tasks",
                setUp: { disk = try StallingDisk(at: $0.logDirectory, of: $0) }
            ) { daemon, client in
                let disk = try #require(disk)
                // More output than the pipe between the task and its log holds.
                let script =
                    "echo begun; while [ ! -e /data/go ]; do sleep 0.02; done; "
                    + "dd if=/dev/zero bs=1024 count=4096 2>&- | tr '\\0' '\\n'"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                let tasks = ["drop", "block"].map { stall in
                    // Each byte makes a line of 40 bytes, and the disk has to have room for both.
                    let log = "{\"onStall\": \"\(stall)\", \"maxFiles\": 3}"
                    let more = mount + ", \"log\": \(log)"
                    return "\"\(stall)\": \(daemon.rootfs.task(script, more))"
                }
                let pod = try client.createPod(
                    "web", "{\"tasks\": {\(tasks.joined(separator: ", "))}}")
                for task in ["drop", "block"] {
                    let file = "\(daemon.logDirectory)/\(pod.uid)/\(task).log"
                    try eventually("the log is begun") { text(of: file)?.contains("begun") == true }
                }
                try disk.stall()
                try write("", to: daemon.home + "/go/go")
                func log(_ task: String, _ member: String) throws -> Int64 {
                    try client.send("GET", "/v1/pods/web/tasks/\(task)")["log", member]?.integer
                        ?? 0
                }
                _ = try client.waitForTask("web", "drop", "exited")
                try eventually("output is dropped") { try log("drop", "dropped") > 0 }
                // The same time has passed for both.
                #expect(try client.send("GET", "/v1/pods/web/tasks/block").state == "running")
                disk.resume()
                _ = try client.waitForTask("web", "block", "exited")
                let all: Int64 = 4096 * 1024 + 6
                try eventually("everything is logged") { try log("block", "bytes") == all }
                #expect(try log("block", "dropped") == 0)
                #expect(try log("block", "lines") == all - 5)
                let target = "/v1/pods/web/tasks/drop/logs?follow=true&stream=stderr"
                let notes = try client.send("GET", target).reply.text
                #expect(notes.contains("bytes of output were dropped here"), "\(notes)")
                #expect(try log("drop", "bytes") + log("drop", "dropped") == all)
            }
        }

        @Test("a hung disk under a client's log delays only its pod, and the file stays")
        func clientLog() throws {
            var disk: StallingDisk?
            try withFault(
                "disk under a client's log",
                setUp: { daemon in
                    disk = try StallingDisk(at: daemon.home + "/logs", of: daemon)
                    daemon.arguments += ["--log-root", daemon.home + "/logs"]
                }
            ) { daemon, client in
                let disk = try #require(disk)
                // More output than the pipes between the task and its log hold.
                let script =
                    "echo begun; while [ ! -e /data/go ]; do sleep 0.02; done; "
                    + "dd if=/dev/zero bs=1024 count=4096 2>&- | tr '\\0' '\\n'; "
                    + "while [ ! -e /data/end ]; do sleep 0.02; done; exit 42"
                let mount = try daemon.shared([daemon.home + "/go": "/data"])
                func log(_ name: String) -> String {
                    #""log": {"path": "\#(disk.mountPoint)/\#(name).log"}"#
                }
                _ = try client.createPod(
                    "web", daemon.rootfs.pod(script, mount + ", " + log("web")))
                let file = disk.mountPoint + "/web.log"
                try eventually("the log is begun") { text(of: file)?.contains("begun") == true }
                try disk.stall()
                // Its file has to be made.
                let late = try client.send(
                    "PUT", "/v1/pods/late", daemon.rootfs.pod("true", log("late")))
                #expect(late.status == 202)
                try eventually("a helper waits for the disk") {
                    let steps = try client.send("GET", "/v1/operations/\(late.id)")["steps"]
                    let step = steps?.elements?.first { $0["name"]?.string == "log.open" }
                    return step?["detail"]?.string?.contains("state D") == true
                }
                try write("", to: daemon.home + "/go/go")
                let task = "/v1/pods/web/tasks/app"
                try eventually("output is dropped") {
                    try client.send("GET", task)["log", "dropped"]?.integer ?? 0 > 0
                }
                // The writer changes over when the disk lets it go.
                let reopening = try client.send(
                    "POST", task + "/logs/reopen", headers: ["Prefer": "wait=1"])
                #expect(reopening.status == 202)
                try write("", to: daemon.home + "/go/end")
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["exitCode"]?.integer == 42)
                let stuck = try client.delete("web", why: "log writer", "pid")
                let canceled = try client.delete("late", why: "state D")
                try daemon.expectServes(stuck)
                disk.resume()
                try daemon.expectEnds(stuck)
                try daemon.expectEnds(canceled)
                #expect(try client.follow(reopening.id)["finishedAt"] != .null)
                #expect(text(of: file)?.contains("begun") == true)
            }
        }

        @Test("a delete waits for a helper on a hung disk, even if the helper's shim dies")
        func shimDies() throws {
            try withStallingData("disk, and no shim") { daemon, client, disk in
                let pod = try client.createPod("web", daemon.rootfs.pod(Self.busy))
                try client.waitForUpper(pod, "one", daemon)
                try disk.stall()
                let stuck = try client.delete("web", why: "state D")
                try daemon.expectNamed(stuck, client)
                kill(pod.shimPID, SIGKILL)
                try eventually("the shim is gone") { processState(pod.shimPID) ?? "Z" == "Z" }
                daemon.expectAnswers(stuck)
                daemon.crash()
                try daemon.start()
                daemon.expectAnswers(stuck)
                #expect(
                    try client.send("GET", "/v1/operations/\(stuck.operation)").state == "running")
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        /// Its upper layer has a file with blocks, a directory, and a second name of each.
        private static let busy = """
            dd if=/dev/zero of=/two bs=4096 count=64 2>&-; mkdir -p /a/b/c; \
            dd if=/dev/zero of=/one bs=4096 count=64 2>&-; exec sleep 100000
            """
    }
}

/// A daemon whose data directory is on a disk that can stop answering on request.
private func withStallingData(
    _ name: String, _ body: (Daemon, Client, StallingDisk) throws -> Void
) throws {
    var disk: StallingDisk?
    try withFault(
        name, setUp: { disk = try StallingDisk(at: $0.dataDirectory, of: $0) }
    ) { daemon, client in
        try body(daemon, client, try #require(disk))
    }
}

extension Client {
    /// Starts a delete that will be stuck.
    func delete(_ pod: String, why: String...) throws -> Stuck {
        let answer = try send("DELETE", "/v1/pods/\(pod)?grace=0")
        #expect(answer.status == 202)
        #expect(answer.took < 0.1)
        var stuck = Stuck(answer.id, of: pod)
        stuck.why = why
        return stuck
    }

    func waitForUpper(_ pod: Answer, _ name: String, _ daemon: Daemon) throws {
        try eventually("\(name) is in the upper layer") { exists(daemon.upper(pod) + "/" + name) }
    }
}

extension Daemon {
    func upper(_ pod: Answer, _ task: String = "app") -> String {
        "\(dataDirectory)/\(pod.uid)/\(task)/upper"
    }

    /// The task's member `mounts`, with user directories and their places in the task.
    func shared(_ targets: [String: String]) throws -> String {
        let mounts = try targets.map { path, target in
            try makeDirectory(path)
            return #"{"type": "bind", "source": "\#(path)", "target": "\#(target)"}"#
        }
        return "\"mounts\": [\(mounts.joined(separator: ", "))]"
    }
}
