// Volumes: shared by the tasks of one pod, as lasting as the pod, and gone with it.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Volumes {
        private static let idle = "exec sleep 1000"

        @Test("the tasks of a pod share its volumes, and a volume outlives tasks and the daemon")
        func shared() throws {
            try withDaemon { daemon, client in
                func task(_ script: String) -> String {
                    daemon.rootfs.task(script, Scenario.mounts)
                }
                let write = "for v in cache scratch; do echo $v > /$v/word; done; exec sleep 1000"
                let read = """
                    until cat /cache/word /scratch/word; do sleep 0.02; done 2>&-; \
                    stat -c %a /cache /scratch; exec sleep 1000
                    """
                let tasks = "\"tasks\": {\"a\": \(task(write)), \"b\": \(task(read))}"
                let pod = try client.createPod("web", "{\(tasks), \(Scenario.volumes)}")
                #expect(pod.status == 201, "\(pod.reply.text)")
                let said: [Substring] = ["cache", "scratch", "777", "777"]
                try eventually("the other task reads them") { try lines(pod, "b", daemon) == said }
                #expect(pod["volumes"] == (try JSONValue.parse(Array(Self.shown.utf8))))
                let path = "/v1/pods/web/tasks/a"
                try client.send("DELETE", path + "?grace=0", headers: ["Prefer": "wait=60"])
                try daemon.crashAndRestart()
                try client.send("PUT", path, task(read), headers: ["Prefer": "wait=60"])
                try eventually("a later task reads them") { try lines(pod, "a", daemon) == said }
                try client.send(
                    "POST", "/v1/pods/web/stop", #"{"grace": 0}"#, headers: ["Prefer": "wait=60"])
                #expect(text(of: disk(pod, daemon) + "/word") == "cache\n", "a stop keeps them")
                let other = try client.createPod(
                    "other",
                    daemon.rootfs.pod(
                        "find /cache /scratch; " + Self.idle, Scenario.mounts,
                        podMore: Scenario.volumes))
                try eventually("another pod's are empty") {
                    try lines(other, "app", daemon) == ["/cache", "/scratch"]
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(!exists("\(daemon.dataDirectory)/\(pod.uid)"))
                let again = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "find /cache /scratch; " + Self.idle, Scenario.mounts,
                        podMore: Scenario.volumes))
                try eventually("a later pod's of that name are empty") {
                    try lines(again, "app", daemon) == ["/cache", "/scratch"]
                }
            }
        }

        private static let shown = """
            {"cache": {"medium": "disk"}, "scratch": {"medium": "memory", "size": 65536}}
            """

        @Test("a volume in memory has its size, a readOnly mount is read-only, any user may write")
        func limits() throws {
            try withDaemon { daemon, client in
                let script = """
                    dd if=/dev/zero of=/scratch/x bs=1024 count=100 2>&1 | grep -o 'No space.*'
                    stat -c %s /scratch/x; touch /ro/x 2>&- || echo refused
                    echo '#!/bin/sh' > /cache/p; echo 'echo ran' >> /cache/p; chmod 755 /cache/p
                    /cache/p; grep -c ' /cache rw,nosuid,nodev' /proc/self/mountinfo
                    exec sleep 1000
                    """
                let ro =
                    #", {"type": "volume", "source": "cache", "target": "/ro", "readOnly": true}]"#
                let more = Scenario.mounts.dropLast() + ro + #", "user": "1234:2345""#
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, String(more), podMore: Scenario.volumes))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("all is told") {
                    try lines(pod, "app", daemon)
                        == ["device", "65536", "refused", "ran", "1"]
                }
            }
        }

        @Test("a mount of a volume that the pod does not have is refused, with its place")
        func unknown() throws {
            try withDaemon { daemon, client in
                let mount = #""mounts": [{"type": "volume", "source": "none", "target": "/c"}]"#
                let pod = try client.createPod("web", daemon.rootfs.pod(Self.idle, mount))
                #expect(pod.status == 422 && pod.code == "invalid-document", "\(pod.reply.text)")
                #expect(pod.pointers == ["/tasks/app/mounts/0/source"])
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                let task = try client.send(
                    "PUT", "/v1/pods/web/tasks/b", daemon.rootfs.task(Self.idle, mount))
                #expect(task.status == 422 && task.code == "invalid-document", "\(task.reply.text)")
                #expect(task.pointers == ["/mounts/0/source"])
                let sized = #""volumes": {"cache": {"size": 4096}}"#
                let disk = try client.createPod(
                    "disk", daemon.rootfs.pod(Self.idle, podMore: sized))
                #expect(disk.status == 422 && disk.code == "not-supported", "\(disk.reply.text)")
                #expect(disk.pointers == ["/volumes/cache/size"])
                let other = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 100000", podMore: Scenario.volumes))
                #expect(other.code == "spec-conflict", "\(other.reply.text)")
                #expect(other.pointers == ["/volumes/cache", "/volumes/scratch"])
            }
        }

        @Test("a volume in memory has no name on the host; audit, census and steps have volumes")
        func places() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", Scenario.pod(daemon.rootfs))
                let mounts = text(of: "/proc/self/mountinfo") ?? ""
                #expect(!mounts.contains(pod.uid), "no mount of it on the host")
                #expect(names(in: daemon.folder(pod) + "/volumes/scratch") == [])
                let own = text(of: "/proc/\(pod.shimPID)/mountinfo") ?? ""
                #expect(own.contains("/volumes/scratch "))
                let seen = Census(daemon.marks).names
                #expect(seen.contains { $0.hasPrefix("file ") && $0.hasSuffix("/.volumes/cache") })
                #expect(seen.contains { $0.hasPrefix("mount ") && $0.hasSuffix(" /scratch tmpfs") })
                #expect(
                    seen.contains {
                        $0.hasPrefix("superblock tmpfs ") && $0.hasSuffix("/volumes/scratch")
                    })
                let audit = try client.send("GET", "/v1/audit?fresh=true")
                let row = audit["resources"]?.elements?.first { $0["kind"] == .string("volumes") }
                #expect(row?["observed"]?.integer == 1 && row?["recorded"]?.integer == 1)
                let delete = try client.deletePod("web")
                #expect(state(of: "volumes.remove", delete) == "succeeded", "\(delete.reply.text)")
                let plain = try client.createPod("plain", daemon.rootfs.sleeper)
                #expect(plain["volumes"] == .object([]))
                #expect(!exists(daemon.folder(plain) + "/volumes"))
                #expect(!exists("\(daemon.dataDirectory)/\(plain.uid)/.volumes"))
                // Its shim may be older than volumes, so it is not asked to remove any.
                #expect(state(of: "volumes.remove", try client.deletePod("plain")) == "skipped")
            }
        }

        @Test(
            "a mount inside a volume needs a target that the volume contains",
            arguments: ["cache", "scratch"])
        func nested(_ volume: String) throws {
            try withDaemon { daemon, client in
                let script = "mkdir /\(volume)/sub; echo made; " + Self.idle
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, Scenario.mounts, podMore: Scenario.volumes))
                try eventually("it is made") { try lines(pod, "app", daemon) == ["made"] }
                func put(_ name: String, _ target: String) throws -> Answer {
                    let inner = #", {"type": "tmpfs", "target": "\#(target)"}]"#
                    let task = daemon.rootfs.task(Self.idle, Scenario.mounts.dropLast() + inner)
                    return try client.send(
                        "PUT", "/v1/pods/web/tasks/\(name)", task, headers: ["Prefer": "wait=60"])
                }
                let good = try put("good", "/\(volume)/sub")
                #expect(good.status == 201, "\(good.reply.text)")
                let bad = try put("bad", "/\(volume)/none")
                #expect(bad.code == "mount-target-refused", "\(bad.reply.text)")
            }
        }

        @Test("volumes of a pod whose shim was killed go with its delete")
        func withoutShim() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", Scenario.pod(daemon.rootfs))
                #expect(exists(disk(pod, daemon)))
                let reaper = try #require(try children(of: pod.shimPID, named: "reap").first)
                kill(pod.shimPID, SIGKILL)
                try eventually("the pod is lost") {
                    try client.send("GET", "/v1/pods/web").state == "lost"
                }
                let delete = try client.deletePod("web")
                #expect(delete.state == "succeeded", "\(delete.reply.text)")
                #expect(!exists(disk(pod, daemon)))
                // The kernel waits until the host's first process has reaped the tasks.
                try eventually("the reaper is gone") { !exists("/proc/\(reaper)") }
            }
        }

        @Test("the volumes of a pod without a record are removed by an operation with that step")
        func orphan() throws {
            try withDaemon { daemon, client in
                let uid = "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10"
                daemon.crash()
                try makeDirectory("\(daemon.dataDirectory)/\(uid)/.volumes/cache")
                try write("left", to: "\(daemon.dataDirectory)/\(uid)/.volumes/cache/file")
                try daemon.start()
                try eventually("it is gone") { !exists("\(daemon.dataDirectory)/\(uid)") }
                try eventually("the metric counts both kinds") {
                    let metrics = try client.send("GET", "/metrics").reply.text
                    return metrics.contains(#"staunch_orphans_removed_total{kind="volumes"} 1"#)
                        && metrics.contains(#"staunch_orphans_removed_total{kind="data"} 1"#)
                }
                let list = try client.send("GET", "/v1/operations")
                let removal = list["items"]?.elements?.first {
                    $0["kind"] == .string("orphan.remove")
                }
                let steps = removal?["steps"]?.elements ?? []
                let step = steps.first { $0["name"] == .string("volumes.remove") }
                #expect(step?["state"]?.string == "succeeded", "\(list.reply.text)")
            }
        }

        private func state(of step: String, _ operation: Answer) -> String? {
            operation["steps"]?.elements?.first { $0["name"] == .string(step) }?["state"]?.string
        }

        private func disk(_ pod: Answer, _ daemon: Daemon) -> String {
            "\(daemon.dataDirectory)/\(pod.uid)/.volumes/cache"
        }

        /// The last word of each line of the task's log.
        private func lines(_ pod: Answer, _ task: String, _ daemon: Daemon) throws -> [Substring] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/\(task).log"
            return (text(of: log) ?? "").split(separator: "\n").compactMap {
                $0.split(separator: " ").last
            }
        }
    }
}
