// Mounts that a task and the host share. The root of most test machines is private, so each test
// has a shared file system of its own.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct SharedMounts {
        @Test(
            "mounts of the host appear in the task and the task's on the host, where they stay",
            arguments: Installation.runtimes)
        func bothWays(runtime: String) throws {
            try withDaemon(["--runtime", runtime], setUp: makeSource) { daemon, client in
                let script = """
                    mkdir /data/mine && mount -t tmpfs -o size=64k none /data/mine
                    echo x > /data/mine/file
                    until test -e /data/later/file; do sleep 0.05; done; echo seen
                    exec sleep 1000
                    """
                let pod = try client.createPod("web", body(daemon, script))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let mine = source(daemon) + "/mine"
                try eventually("the task's mount is on the host") { exists(mine + "/file") }
                let later = source(daemon) + "/later"
                try makeDirectory(later)
                try Command.expect("mount", "-t", "tmpfs", "-o", "size=64k", "none", later)
                try write("", to: later + "/file")
                try eventually("the task has looked") { try told(pod, daemon).last == "seen" }
                let audit = try client.send("GET", "/v1/audit?fresh=true")
                #expect(audit["balanced"] == .bool(true), "\(audit.reply.text)")
                let mounts = audit["mounts"]?.elements ?? []
                #expect(mounts.compactMap { $0["mountPoint"]?.string } == [mine, later])
                #expect(mounts.first?["pod"]?["uid"]?.string == pod.uid)
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(exists(mine + "/file"), "the task's mount is the user's")
                let after = try client.send("GET", "/v1/audit?fresh=true")
                #expect(after["balanced"] == .bool(true) && after["mounts"]?.elements == [])
            }
        }

        @Test("only the shared mount propagates to the host", arguments: Installation.runtimes)
        func others(runtime: String) throws {
            try withDaemon(["--runtime", runtime], setUp: makeSource) { daemon, client in
                try makeDirectory(source(daemon) + "/sub")
                let script = """
                    for place in /slave /private /tmp; do
                        mkdir -p $place/x; mount -t tmpfs -o size=64k none $place/x; done
                    mount -t tmpfs -o size=64k none /data/sub && echo done; exec sleep 1000
                    """
                let others = ["slave", "private"].map {
                    """
                    , {"type": "bind", "source": "\(source(daemon))", "target": "/\($0)", \
                    "propagation": "\($0)"}
                    """
                }
                let pod = try client.createPod(
                    "web", body(daemon, script, more: others.joined()))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("all are made") { try told(pod, daemon).last == "done" }
                let all = (text(of: "/proc/self/mountinfo") ?? "").split(separator: "\n")
                    .compactMap { $0.split(separator: " ").dropFirst(4).first.map(String.init) }
                let below = all.filter { $0.hasPrefix(source(daemon) + "/") }
                #expect(below == [source(daemon) + "/sub"])
                #expect(!all.contains("/tmp/x"))
            }
        }

        @Test("a source that is not shared is refused, with the place in the pod's document")
        func refused() throws {
            try withDaemon { daemon, client in
                try makeDirectory(source(daemon))
                daemon.removals.append { _ = try? Command.run("rmdir", source(daemon)) }
                let pod = try client.createPod("web", body(daemon, "true"))
                #expect(pod.status == 422 && pod.code == "mount-source-not-shared")
                #expect(pod.reply.text.contains("/tasks/app/mounts/0/propagation: "))
                #expect(pod.reply.text.contains("the host's mount at /, which is not shared"))
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
            }
        }

        @Test("a file can be shared, too")
        func file() throws {
            try withDaemon(setUp: makeSource) { daemon, client in
                let (file, other) = (source(daemon) + "/file", source(daemon) + "/other")
                for path in [file, other] { try write(path, to: path) }
                let pod = try client.createPod(
                    "web",
                    body(daemon, "cat /file; echo; exec sleep 1000", path: "/file", at: "/file"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it is read") { try told(pod, daemon) == [file[...]] }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "what a task mounts on the host of its pod's own is not gone, and its place is named",
            arguments: ["/bin", "/dev/shm"])
        func own(path: String) throws {
            try withFault("a task mounted \(path) on the host", setUp: makeSource) {
                daemon, client in
                let script = """
                    mkdir /data/own && mount --bind \(path) /data/own; echo done; exec sleep 1000
                    """
                let pod = try client.createPod("web", body(daemon, script))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it is mounted") { try told(pod, daemon).last == "done" }
                var stuck = try client.delete("web", why: "has no mount and is held")
                stuck.why.append("by a mount at \(source(daemon))/own")
                try daemon.expectServes(stuck)
                try Command.expect("umount", source(daemon) + "/own")
                try daemon.expectEnds(stuck)
            }
        }

        private func body(
            _ daemon: Daemon, _ script: String, path: String = "", at target: String = "/data",
            more: String = ""
        ) -> String {
            let mounts = """
                "mounts": [{"type": "bind", "source": "\(source(daemon))\(path)", \
                "target": "\(target)", "propagation": "shared"}\(more)]
                """
            let rights = #""capabilities": {"add": ["SYS_ADMIN"]}"#
            return daemon.rootfs.pod(script, "\(mounts), \(rights)")
        }

        private func makeSource(_ daemon: Daemon) throws {
            try makeDirectory(source(daemon))
            daemon.removals.append {
                _ = try? Command.run("rm", "-rf", "--one-file-system", source(daemon))
            }
            try Command.expect("mount", "-t", "tmpfs", "-o", "size=64k", "none", source(daemon))
            daemon.removals.append { _ = try? Command.run("umount", "-R", source(daemon)) }
            try Command.expect("mount", "--make-shared", source(daemon))
        }

        /// Outside of the census's view: see `ReadOnlyMounts`.
        private func source(_ daemon: Daemon) -> String { daemon.home + "-source" }

        /// The last word of each line of the task's log.
        private func told(_ pod: Answer, _ daemon: Daemon) throws -> [Substring] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
            return (text(of: log) ?? "").split(separator: "\n").compactMap {
                $0.split(separator: " ").last
            }
        }
    }
}
