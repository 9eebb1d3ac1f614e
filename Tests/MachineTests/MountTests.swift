// A task's mounts: which are read-only, and how far down.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ReadOnlyMounts {
        @Test(
            "readOnly applies to the mount alone, recursiveReadOnly to all mounts below it",
            arguments: [("readOnly", "refused,written"), ("recursiveReadOnly", "refused,refused")])
        func readOnly(member: String, expected: String) throws {
            try withDaemon(setUp: mountSource) { daemon, client in
                let script = """
                    for place in /data /data/sub; do
                        touch $place/new 2>&- && echo written || echo refused
                    done; exec sleep 1000
                    """
                let pod = try client.createPod("web", body(daemon, member, script))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                var said: [Substring] = []
                try eventually("the task has tried both") {
                    said = (text(of: log) ?? "").split(separator: "\n").compactMap {
                        $0.split(separator: " ").last
                    }
                    return said.count == 2
                }
                #expect(said.joined(separator: ",") == expected)
                let shown = try client.send("GET", "/v1/pods/web/tasks/app")
                let mount = shown["mounts"]?.elements?.first
                #expect(mount?[member]?.bool == true)
            }
        }

        @Test("recursiveReadOnly is refused if the runtime does not name rro")
        func refused() throws {
            try withRuntime("runtime: without rro", .fail("features")) { daemon, client in
                daemon.crash()
                try daemon.start()
                let answer = try client.createPod(
                    "web", body(daemon, "recursiveReadOnly", "exec sleep 1000"))
                #expect(answer.code == "not-supported", "\(answer.reply.text)")
                #expect(answer.reply.text.contains("rro"))
                #expect(answer.pointers == ["/tasks/app/mounts/0/recursiveReadOnly"])
                let server = try client.send("GET", "/v1")
                #expect(server["runtime", "recursiveReadOnly"]?.bool == false)
            }
        }

        @Test(
            "later mounts of the host appear with the propagation slave alone",
            arguments: Installation.runtimes.flatMap { [($0, "slave"), ($0, "private")] })
        func propagation(runtime: String, member: String) throws {
            try withDaemon(["--runtime", runtime], setUp: sharedSource) { daemon, client in
                let script = """
                    until test -e /data/go; do sleep 0.05; done
                    test -e /data/later/file && echo seen || echo hidden; exec sleep 1000
                    """
                let mount = """
                    {"type": "bind", "source": "\(source(daemon))", "target": "/data", \
                    "propagation": "\(member)"}
                    """
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, "\"mounts\": [\(mount)]"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let later = source(daemon) + "/later"
                try Command.expect("mount", "-t", "tmpfs", "-o", "size=64k", "none", later)
                daemon.removals.append { _ = try? Command.run("umount", later) }
                try write("", to: later + "/file")
                try write("", to: source(daemon) + "/go")
                try eventually("the task has looked") {
                    try told(pod, daemon) == [member == "slave" ? "seen" : "hidden"]
                }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("create makes a missing directory, which stays, and changes nothing that is there")
        func create() throws {
            try withDaemon { daemon, client in
                let (new, file) = (daemon.home + "/new/dir", daemon.home + "/file")
                try write("content", to: file)
                let mounts = [(new, "/data"), (file, "/file"), (file, "/dev/file")].map {
                    #"{"type": "bind", "source": "\#($0)", "target": "\#($1)", "create": true}"#
                }
                let script = "cat /file /dev/file; echo; echo x > /data/x; exec sleep 1000"
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        script, "\"mounts\": [\(mounts.joined(separator: ", "))]"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("both are read") {
                    try told(pod, daemon) == ["contentcontent"] && exists(new + "/x")
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(exists(new + "/x") && text(of: file) == "content")
                let bad = mounts[0].replacing("/new/dir", with: "/file/dir")
                let refused = try client.createPod(
                    "bad", daemon.rootfs.pod(script, "\"mounts\": [\(bad)]"))
                #expect(refused.code == "mount-source-missing", "\(refused.reply.text)")
            }
        }

        /// The last word of each line of the task's log.
        private func told(_ pod: Answer, _ daemon: Daemon) throws -> [Substring] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
            return (text(of: log) ?? "").split(separator: "\n").compactMap {
                $0.split(separator: " ").last
            }
        }

        private func sharedSource(_ daemon: Daemon) throws {
            try makeDirectory(source(daemon))
            daemon.removals.append {
                _ = try? Command.run("rm", "-rf", "--one-file-system", source(daemon))
            }
            try Command.expect("mount", "-t", "tmpfs", "-o", "size=64k", "none", source(daemon))
            daemon.removals.append { _ = try? Command.run("umount", source(daemon)) }
            try Command.expect("mount", "--make-shared", source(daemon))
            try makeDirectory(source(daemon) + "/later")
        }

        private func mountSource(_ daemon: Daemon) throws {
            let below = source(daemon) + "/sub"
            try makeDirectory(below)
            daemon.removals.append {
                _ = try? Command.run("rm", "-rf", "--one-file-system", source(daemon))
            }
            try Command.expect("mount", "-t", "tmpfs", "-o", "size=64k", "none", below)
            daemon.removals.append { _ = try? Command.run("umount", below) }
        }

        /// Outside of the census's view, because any process may hold a copy of the host's mounts
        /// for a moment, and this directory is one of them.
        private func source(_ daemon: Daemon) -> String { daemon.home + "-source" }

        private func body(_ daemon: Daemon, _ member: String, _ script: String) -> String {
            let mount = """
                {"type": "bind", "source": "\(source(daemon))", "target": "/data", \
                "\(member)": true}
                """
            return daemon.rootfs.pod(script, "\"mounts\": [\(mount)]")
        }
    }
}
