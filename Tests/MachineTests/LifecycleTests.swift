// A pod, from PUT to nothing.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Lifecycle {
        @Test(
            "a pod runs its task, shows it, and is removed without a trace",
            arguments: Installation.runtimes)
        func podLives(_ runtime: String) throws {
            try withDaemon(["--runtime", runtime]) { daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("echo said; exec sleep 9999"))
                #expect(pod.status == 201)
                #expect(pod.state == "ready")
                #expect(pod["tasks", "app", "state"]?.string == "running")
                let pid = try #require(pod["tasks", "app", "pid"]?.integer)
                #expect(exists("/proc/\(pid)"))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the output is in \(log)") {
                    text(of: log)?.contains("said") == true
                }
                let operation = try client.deletePod("web")
                #expect(operation.status == 200)
                #expect(operation.state == "succeeded")
                #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
                #expect(!exists("/proc/\(pid)"))
            }
        }

        @Test("a task's exit code is recorded unchanged", arguments: [0, 1, 7, 137, 143, 255])
        func exitIsRecorded(_ code: Int64) throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("end", daemon.rootfs.pod("exit \(code)"))
                let task = try client.waitForTask("end", "app", "exited")
                #expect(task["exitCode"]?.integer == code)
                #expect(task["signal"] == .null)
                #expect(task["oomKilled"] == .bool(false))
                #expect(task["exitUnknown"] == .bool(false))
                #expect(task["finishedAt"]?.string != nil)
                #expect(task["pid"] == .null)
            }
        }

        @Test("a task that a signal ended has the signal's name, and no code")
        func signalIsRecorded() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("end", daemon.rootfs.sleeper)
                let pid = try #require(pod["tasks", "app", "pid"]?.integer)
                // The first process of a PID namespace can ignore every other signal.
                try Command.run("kill", "-KILL", "\(pid)")
                let task = try client.waitForTask("end", "app", "exited")
                #expect(task["signal"]?.string == "KILL")
                #expect(task["exitCode"] == .null)
                let operation = try client.deletePod("end")
                #expect(operation["exits", "app", "signal"]?.string == "KILL")
            }
        }

        @Test("stop ends every task and keeps the record; the exits stay readable")
        func stopKeepsTheRecord() throws {
            try withDaemon { daemon, client in
                let polite = "trap 'exit 3' TERM; echo up; while true; do sleep 0.05; done"
                let pod = try client.createPod("web", daemon.rootfs.pod(polite))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let stop = try client.send(
                    "POST", "/v1/pods/web/stop", "{}", headers: ["Prefer": "wait=60"])
                #expect(stop["kind"]?.string == "pod.stop")
                #expect(stop.state == "succeeded")
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after.state == "stopped")
                #expect(after["tasks", "app", "exitCode"]?.integer == 3)
                // A request with nothing to do succeeds.
                for path in ["/v1/pods/web/stop", "/v1/pods/web/tasks/app/stop"] {
                    let again = try client.send("POST", path, headers: ["Prefer": "wait=60"])
                    #expect(again.state == "succeeded")
                }
                #expect(try client.send("GET", "/v1/pods/web").state == "stopped")
            }
        }

        @Test("a task that ignores its stop signal gets SIGKILL after the grace, and not before")
        func graceIsKept() throws {
            try withDaemon { daemon, client in
                let deaf = "trap '' TERM; echo up; while true; do sleep 0.05; done"
                let pod = try client.createPod("deaf", daemon.rootfs.pod(deaf))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let took = try seconds { try client.deletePod("deaf", query: "grace=1.5") }
                #expect(took >= 1.5)
                #expect(took < 6)
            }
        }

        @Test("a task that was created without a start is started by a request, and signaled")
        func startAndSignal() throws {
            try withDaemon { daemon, client in
                let script = "trap 'exit 5' HUP; echo up; while true; do sleep 0.05; done"
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, #""start": false"#))
                #expect(pod["tasks", "app", "state"]?.string == "created")
                let task = "/v1/pods/web/tasks/app"
                let early = try client.send("POST", task + "/signal", #"{"signal": "HUP"}"#)
                #expect(early.code == "task-state")
                let wait = ["Prefer": "wait=60"]
                #expect(
                    try client.send("POST", task + "/start", headers: wait).state == "succeeded")
                #expect(
                    try client.send("POST", task + "/start", headers: wait).code == "task-state")
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let hup = try client.send(
                    "POST", task + "/signal", #"{"signal": "SIGHUP"}"#, headers: wait)
                #expect(hup.state == "succeeded")
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["exitCode"]?.integer == 5)
            }
        }

        @Test("a task can be added to a pod and removed, and the pod stays")
        func tasksComeAndGo() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", #"{"network": {"mode": "host"}}"#)
                let added = try client.send(
                    "PUT", "/v1/pods/web/tasks/late", daemon.rootfs.task("exec sleep 9999"),
                    headers: ["Prefer": "wait=60"])
                #expect(added.status == 201)
                #expect(added.state == "running")
                let list = try client.send("GET", "/v1/pods/web/tasks")
                #expect(list["items"]?.elements?.count == 1)
                let gone = try client.send(
                    "DELETE", "/v1/pods/web/tasks/late?grace=0", headers: ["Prefer": "wait=60"])
                #expect(gone["kind"]?.string == "task.delete")
                #expect(gone.state == "succeeded")
                #expect(try client.send("GET", "/v1/pods/web/tasks/late").code == "task-unknown")
                #expect(try client.send("GET", "/v1/pods/web").state == "ready")
            }
        }

        @Test("a task has the descriptor limit of the daemon's start, not the raised one")
        func descriptorLimit() throws {
            try withDaemon(setUp: {
                $0.launcher = ["/usr/bin/prlimit", "--nofile=512:4096", "/usr/bin/env"]
            }) { daemon, client in
                let script = "echo $(ulimit -Sn) $(ulimit -Hn)"
                let pod = try client.createPod("web", daemon.rootfs.pod(script))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("it has said so") { text(of: log)?.contains("512 4096") == true }
            }
        }

        @Test("PATCH merges labels at once, and limits by an operation")
        func patch() throws {
            try withDaemon { daemon, client in
                let made = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 9999", podMore: #""labels": {"a": "1"}"#))
                let tag = try #require(made.reply[header: "etag"])
                let labels = try client.send(
                    "PATCH", "/v1/pods/web", #"{"labels": {"a": null, "b": "2"}}"#,
                    headers: ["Content-Type": "application/merge-patch+json", "If-Match": tag])
                #expect(labels.status == 200)
                #expect(labels["labels"] == .object([JSONMember(name: "b", value: .string("2"))]))
                let stale = try client.send(
                    "PATCH", "/v1/pods/web", #"{"labels": {}}"#, headers: ["If-Match": tag])
                #expect(stale.code == "precondition-failed")
                let limits = try client.send(
                    "PATCH", "/v1/pods/web", #"{"resources": {"pids": 100}}"#)
                #expect(limits.status == 202)
                #expect(limits["kind"]?.string == "pod.update")
                #expect(try client.follow(limits.id).state == "succeeded")
                guard Controllers.has("pids") else { return }
                #expect(cgroupValue(daemon, made.uid, "pids", "pids.max") == "100")
            }
        }

        /// v2 has no such rule, and accepts every limit that the contract permits.
        @Test(
            "limits that the kernel refuses change neither the record nor the cgroup",
            .enabled(if: exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")))
        func refusedPatch() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 9999", #""resources": {"cpus": 1}"#,
                        podMore: #""resources": {"cpus": 2, "pids": 100}"#))
                try limitParent(of: daemon)
                let patch = try client.send(
                    "PATCH", "/v1/pods/web", #"{"resources": {"cpus": 3, "pids": 50}}"#)
                let ended = try client.follow(patch.id)
                #expect(ended.state == "failed")
                let detail = try #require(ended["error", "detail"]?.string)
                #expect(detail.contains("cpu.cfs_quota_us"))
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after["resources"] == pod["resources"])
                #expect(cgroupValue(daemon, pod.uid, "cpu", "cpu.cfs_quota_us") == "200000")
                #expect(cgroupValue(daemon, pod.uid, "pids", "pids.max") == "100")
            }
        }

        /// Limits the parent cgroup. Only the kernel then refuses a pod with more than its parent
        /// has (sched-bwc in the kernel's documents).
        private func limitParent(of daemon: Daemon) throws {
            let quota = "/sys/fs/cgroup/cpu\(daemon.cgroupParent)/cpu.cfs_quota_us"
            try write("250000", to: quota)
        }

        /// The second request asks for the first one's effect and more. The pod is busy meanwhile.
        @Test(
            "an update behind a refused one starts from the stored limits, and an equal one joins",
            .enabled(if: exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")))
        func updatesInARow() throws {
            let runtime = "/tmp/staunch-runtime-\(getpid())-row"
            let go = runtime + ".go"
            try write(
                """
                #!/bin/sh
                case "$*" in *" create "*) until [ -e \(go) ]; do sleep 0.02; done ;; esac
                exec runc "$@"

                """, to: runtime)
            try Command.expect("chmod", "755", runtime)
            defer { for path in [runtime, go] { removeFile(path) } }
            try withDaemon(["--runtime", runtime]) { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 9999", #""resources": {"cpus": 1}"#,
                        podMore: #""resources": {"cpus": 2, "pids": 100}"#))
                try limitParent(of: daemon)
                let busy = try client.send(
                    "PUT", "/v1/pods/web/tasks/late",
                    daemon.rootfs.task("exec sleep 9999", #""start": false"#))
                func patch(_ limit: String) throws -> Answer {
                    try client.send("PATCH", "/v1/pods/web", "{\"resources\": {\(limit)}}")
                }
                let refused = try patch(#""cpus": 3"#)
                let same = try patch(#""cpus": 3"#)
                #expect(same.status == 202 && same.id == refused.id)
                let behind = try patch(#""pids": 50"#)
                try write("", to: go)
                #expect(try client.follow(busy.id).state == "succeeded")
                #expect(try client.follow(refused.id).state == "failed")
                #expect(try client.follow(behind.id).state == "failed", "it has the same limit")
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after["resources"] == pod["resources"])
                #expect(cgroupValue(daemon, pod.uid, "cpu", "cpu.cfs_quota_us") == "200000")
                #expect(cgroupValue(daemon, pod.uid, "pids", "pids.max") == "100")
                #expect(try client.follow(patch(#""pids": 50"#).id).state == "succeeded")
                #expect(cgroupValue(daemon, pod.uid, "pids", "pids.max") == "50")
            }
        }

        @Test("an id that may have been pruned is refused as expired, and never taken as new")
        func forgotten() throws {
            let kept = ["--operations-kept", "1", "--tombstones-kept", "1000"]
            try withDaemon(kept) { daemon, client in
                let limits = try client.send("GET", "/v1")["limits"]
                #expect(limits?["operationsKept"]?.integer == 1)
                #expect(limits?["tombstonesKept"]?.integer == 1000)
                let id = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper).id
                #expect(try client.follow(id).state == "succeeded")
                // Operations that had nothing to do are kept too. The daemon prunes every 512
                // changes.
                for number in 0..<2600 {
                    let nothing = try client.send(
                        "PATCH", "/v1/pods/web", "{}", headers: ["Operation-Id": uuid(number)])
                    try #require(nothing.status == 200)
                }
                #expect(try client.send("GET", "/v1/operations/\(id)").status == 410)
                let late = try client.send(
                    "DELETE", "/v1/pods/web", headers: ["Operation-Id": id])
                #expect(late.status == 410)
                #expect(try client.send("GET", "/v1/pods/web").state == "ready")
            }
        }
    }
}

/// A UUIDv4, which contains no time.
private func uuid(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
}

/// The file of a pod's cgroup with this limit, in v1's hierarchy of `controller` or in v2.
func cgroupValue(
    _ daemon: Daemon, _ uid: String, _ controller: String, _ file: String, task: String? = nil
) -> String? {
    let below = "\(daemon.cgroupParent)/\(uid)/pod\(task.map { "/task-" + $0 } ?? "")/\(file)"
    let mounts = ["/sys/fs/cgroup/\(controller)", "/sys/fs/cgroup"]
    return mounts.lazy.compactMap { text(of: $0 + below) }.first?
        .trimmingCharacters(in: .whitespacesAndNewlines)
}
