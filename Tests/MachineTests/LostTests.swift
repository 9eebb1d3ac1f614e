// A pod whose shim died, a pod whose shim does not answer, and a pod with an unreadable record.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Lost {
        @Test(
            "a FIFO in place of an exit file blocks neither daemon nor shim",
            arguments: [true, false])
        func fifoForExit(isShimKilled: Bool) throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let exit = "\(daemon.runDirectory)/pods/\(pod.uid)/tasks/app/exit"
                try Command.expect("sh", "-c", "rm '\(exit)' && mkfifo '\(exit)'")
                if isShimKilled {
                    kill(pod.shimPID, SIGKILL)
                    try eventually("the pod is lost") {
                        try client.send("GET", "/v1/pods/web").state == "lost"
                    }
                } else {
                    kill(Int32(pod["tasks", "app", "pid"]?.integer ?? 0), SIGKILL)
                    _ = try client.waitForTask("web", "app", "exited")
                }
                #expect(try client.createPod("other", "{}").status == 201)
                #expect(try client.deletePod("other").state == "succeeded")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a lost pod's tasks are ended, its exits are unknown, and its record waits")
        func isCleared() throws {
            try withDaemon { daemon, client in
                let tasks = ["a", "b"].map { "\"\($0)\": \(daemon.rootfs.task("exec sleep 9999"))" }
                let pod = try client.createPod(
                    "web", "{\"tasks\": {\(tasks.joined(separator: ","))}}")
                let pids = try ["a", "b"].map { try #require(pod["tasks", $0, "pid"]?.integer) }
                try Command.run("kill", "-KILL", "\(try #require(pod["shim", "pid"]?.integer))")
                let lost = try eventuallySome("what it held is put away") {
                    let seen = try client.send("GET", "/v1/pods/web")
                    return seen.state == "lost" && seen["operation"] == .null ? seen : nil
                }
                for (task, pid) in zip(["a", "b"], pids) {
                    #expect(lost["tasks", task, "exitUnknown"] == .bool(true))
                    #expect(lost["tasks", task, "exitCode"] == .null)
                    #expect(!isRunning(pid))
                }
                #expect(lost["shim"] == .null)
                #expect(Census.cgroups(of: "\(daemon.cgroupParent)/\(pod.uid)") == [])
                let clear = try client.send("GET", "/v1/operations?limit=1000")["items"]?.elements?
                    .first { $0["kind"]?.string == "pod.cleanup" }
                #expect(clear?["state"]?.string == "succeeded")
                #expect(clear?["requester"]?["comm"]?.string == "staunchd")
                let delete = try client.deletePod("web")
                #expect(delete.state == "succeeded")
                #expect(delete["exits", "a", "exitUnknown"] == .bool(true))
            }
        }

        @Test(
            "a delete behind a waiting cleanup names it, and both end after the repair")
        func deleteBehindClearing() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let place = "\(daemon.dataDirectory)/\(pod.uid)/mine"
                try makeDirectory(place)
                try Command.run("mount", "-t", "tmpfs", "none", place)
                defer { do { try Command.run("umount", place) } catch {} }
                try Command.run("kill", "-KILL", "\(try #require(pod["shim", "pid"]?.integer))")
                try eventually("the pod is lost") {
                    try client.send("GET", "/v1/pods/web").state == "lost"
                }
                let delete = try client.send("DELETE", "/v1/pods/web")
                #expect(delete.status == 202)
                try eventually("the delete says what it is behind") {
                    let why = try client.send("GET", "/v1/operations/\(delete.id)")[
                        "stalled", "why"]
                    return why?.string?.contains("behind pod.cleanup") == true
                        && why?.string?.contains(place) == true
                }
                try daemon.crashAndRestart()
                try Command.run("umount", place)
                let ended = try client.follow(delete.id)
                #expect(ended.state == "succeeded")
                #expect(ended["resumed"]?.integer == 1)
            }
        }

        @Test(
            "a pod with a stopped shim shows that, and nothing else is affected",
            arguments: ["restart", "audit"])
        func stopped(_ way: String) throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let shim = try #require(pod["shim", "pid"]?.integer)
                try Command.run("kill", "-STOP", "\(shim)")
                defer { do { try Command.run("kill", "-CONT", "\(shim)") } catch {} }
                if way == "restart" { try daemon.crashAndRestart() }
                #expect(try client.createPod("other", daemon.rootfs.sleeper).status == 201)
                let why = try eventuallySome("the pod is shown as stalled") {
                    try client.send("GET", "/v1/pods/web")["stalled", "why"]?.string
                }
                #expect(why.contains("pid \(shim), state T"), "\(why)")
                #expect(try client.send("GET", "/v1/pods").took < 0.1)
                #expect(
                    try client.send("GET", "/metrics").reply.text.contains("staunch_pods_stalled 1")
                )
                try Command.run("kill", "-CONT", "\(shim)")
                try eventually("it is not, once the shim goes on") {
                    try client.send("GET", "/v1/pods/web")["stalled"] == .null
                }
            }
        }

        @Test("a damaged record harms only its own pod, and the daemon reports it")
        func unreadableRecord() throws {
            try withDaemon { daemon, client in
                let web = try client.createPod("web", daemon.rootfs.sleeper)
                let other = try client.createPod("other", daemon.rootfs.sleeper)
                daemon.terminate()
                try Command.run(
                    "sqlite3", daemon.runDirectory + "/staunch.db",
                    "UPDATE pods SET document = x'7b' WHERE name = 'web'")
                try daemon.start()
                let seen = try client.send("GET", "/v1/pods/web")
                #expect(seen.state == "lost")
                #expect(seen.uid == web.uid)
                let after = try client.send("GET", "/v1/pods/other")
                #expect(after["tasks", "app", "pid"] == other["tasks", "app", "pid"])
                #expect(daemon.log.contains("the store is damaged"))
                #expect(try client.send("GET", "/metrics").reply.text.contains("store_damaged 1"))
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(!isRunning(try #require(web["tasks", "app", "pid"]?.integer)))
            }
        }

        @Test(
            "a store with bad pages keeps every readable record, and no pod is left behind")
        func badPages() throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                for number in 0..<5 {
                    _ = try client.createPod("web-\(number)", daemon.rootfs.sleeper)
                }
                daemon.terminate()
                let store = daemon.runDirectory + "/staunch.db"
                try Command.run("sqlite3", store, "PRAGMA wal_checkpoint(TRUNCATE)")
                try Command.run(
                    "dd", "if=/dev/zero", "of=\(store)", "bs=4096", "seek=2", "count=2",
                    "conv=notrunc")
                try daemon.start()
                #expect(daemon.log.contains("the store is damaged"))
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
                let pods = try client.send("GET", "/v1/pods")["items"]?.elements ?? []
                let names = pods.compactMap { $0["name"]?.string }
                #expect(names.sorted() == (0..<5).map { "web-\($0)" })
                for pod in names { try client.deletePod(pod) }
                try Command.run("sh", "-c", "rm -f \(store).damaged*")
            }
        }

        @Test("after the loss of the whole store every pod is lost, and none is forgotten")
        func wholeStore() throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                let made = try (0..<3).map {
                    try client.createPod("web-\($0)", daemon.rootfs.sleeper)
                }
                let delete = try client.deletePod("web-0")
                #expect(delete.state == "succeeded")
                daemon.terminate()
                let store = daemon.runDirectory + "/staunch.db"
                try Command.run(
                    "sh", "-c",
                    "rm -f \(store)-wal; head -c $(stat -c %s \(store)) /dev/urandom >\(store)")
                try daemon.start()
                #expect(daemon.log.contains("2 pods adopted without their records"))
                #expect(try client.send("GET", "/metrics").reply.text.contains("store_damaged 1"))
                // A late retry is no new request, whichever pod has the name now.
                let retry = try client.send(
                    "DELETE", "/v1/pods/web-0", headers: ["Operation-Id": delete.id])
                #expect(retry.status == 410, "\(retry.reply.text)")
                for pod in made.dropFirst() {
                    try eventually("what it held is put away") {
                        let seen = try client.send("GET", "/v1/pods/\(pod.uid)")
                        return seen.state == "lost" && seen["operation"] == .null
                    }
                    #expect(!isRunning(try #require(pod["tasks", "app", "pid"]?.integer)))
                    #expect(try client.deletePod(pod.uid).state == "succeeded")
                }
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
                let modes = try Command.expect("sh", "-c", "stat -c %a \(store).damaged*")
                #expect(modes == "600\n")
                try Command.run("sh", "-c", "rm -f \(store).damaged*")
            }
        }
    }
}

/// Whether the process exists and has not ended. init reaps an orphan that has ended.
func isRunning(_ pid: Int64) -> Bool {
    guard let status = text(of: "/proc/\(pid)/stat"), let end = status.lastIndex(of: ")") else {
        return false
    }
    return !status[end...].hasPrefix(") Z")
}
