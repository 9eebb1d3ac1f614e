// /etc/hosts, /etc/hostname and /etc/resolv.conf, as a task sees them.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct NameFiles {
        private static let tell = """
            for f in hosts hostname resolv.conf; do cat /etc/$f; done
            for f in hosts hostname resolv.conf; do
                (echo x >> /etc/$f) 2>&- && echo written || echo refused
            done
            echo end; exec sleep 1000
            """
        private static let given = """
            "dns": {"servers": ["10.9.8.7"], "searches": ["a.example"], "options": ["ndots:2"]}, \
            "hosts": [{"ip": "10.1.1.1", "names": ["db", "db.example"]}]
            """
        private static let local = [
            "127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback",
        ]
        private static let lines =
            local + [
                "127.0.0.1 box web", "10.1.1.1 db db.example", "box", "nameserver 10.9.8.7",
                "search a.example", "options ndots:2",
            ] + Array(repeating: "refused", count: 3)

        @Test(
            "all tasks of a pod read the same names, and cannot write them",
            arguments: Installation.runtimes)
        func names(runtime: String) throws {
            try withDaemon(["--runtime", runtime]) { daemon, client in
                let other = daemon.rootfs.task(
                    Self.tell, #""user": "staff", "noNewPrivileges": true"#, readOnly: true)
                let tasks =
                    "\"app\": \(daemon.rootfs.task(Self.tell)), \"other\": \(other)"
                let body = "{\"tasks\": {\(tasks)}, \"hostname\": \"box\", \(Self.given)}"
                let pod = try client.createPod("web", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                let byApp = try told(pod, "app", daemon)
                #expect(byApp == Self.lines)
                let byOther = try told(pod, "other", daemon)
                #expect(byOther == Self.lines)
                try daemon.crashAndRestart()
                let later = try client.send(
                    "PUT", "/v1/pods/web/tasks/later", daemon.rootfs.task(Self.tell),
                    headers: ["Prefer": "wait=60"])
                #expect(later.status == 201, "\(later.reply.text)")
                let byLater = try told(pod, "later", daemon)
                #expect(byLater == Self.lines)
                let shown = try client.send("GET", "/v1/pods/web")
                #expect(shown["dns", "servers"] == .array([.string("10.9.8.7")]))
                #expect(!exists("\(daemon.rootfs.path)/etc/hosts"), "the rootfs is not written to")
            }
        }

        @Test("without given names the host's servers are read, and with its network its files")
        func host() throws {
            try withDaemon { daemon, client in
                let network = #""network": {"mode": "host"}"#
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(Self.tell, podMore: network))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let own = words(text(of: "/etc/hosts") ?? "") + ["127.0.0.1 web", "web"]
                let all = own + words(text(of: "/etc/resolv.conf") ?? "")
                #expect(try told(pod, "app", daemon).dropLast(3) == all[...])
                let none = try client.createPod("none", daemon.rootfs.pod(Self.tell))
                let said = try told(none, "app", daemon)
                #expect(Array(said.prefix(4)) == Self.local + ["127.0.0.1 none", "none"])
                #expect(!said.contains { $0.hasPrefix("nameserver 127.") })
            }
        }

        @Test(
            "a mount of the task at, above or below the file counts instead",
            arguments: ["/etc/hosts", "/etc", "/etc/hosts/below", "//etc/./hosts", "/real"])
        func ownMounts(target: String) throws {
            try withDaemon { daemon, client in
                let rootfs = daemon.rootfs.path
                // The third one leads through a link.
                if target == "/real" {
                    try FileManager.default.moveItem(
                        atPath: rootfs + "/etc", toPath: rootfs + "/real")
                    try FileManager.default.createSymbolicLink(
                        atPath: rootfs + "/etc", withDestinationPath: "real")
                }
                let mount = #""mounts": [{"type": "tmpfs", "target": "\#(target)"}]"#
                let script = """
                    grep -c ' /\\(etc\\|real\\)/hosts ' /proc/self/mountinfo
                    grep -c ' /etc/resolv.conf ' /proc/self/mountinfo; echo end; exec sleep 1000
                    """
                let pod = try client.createPod("web", daemon.rootfs.pod(script, mount))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let counts = ["/etc": ["0", "0"], "/real": ["0", "0"]][target]
                let hosts = target == "/etc/hosts/below" ? "0" : "1"
                #expect(try told(pod, "app", daemon) == counts ?? [hosts, "1"])
            }
        }

        @Test(
            "rootfs without /etc, with links that lead out or into a mount",
            arguments: [
                ("rm -r etc", "1"), ("ln -s ../../../run/hosts etc/hosts", "1"),
                ("ln -s /data/hosts etc/hosts", "0"), ("ln -s /proc/hosts etc/hosts", "0"),
            ])
        func rootfs(change: String, mounts: String) throws {
            try withDaemon { daemon, client in
                try Command.expect("sh", "-c", "cd '\(daemon.rootfs.path)' && \(change)")
                let script = """
                    grep -c '/hosts ' /proc/self/mountinfo; echo end; exec sleep 1000
                    """
                let data = #""mounts": [{"type": "tmpfs", "target": "/data"}]"#
                let pod = try client.createPod("web", daemon.rootfs.pod(script, data))
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(try told(pod, "app", daemon) == [mounts])
                #expect(!exists("/run/hosts"), "nothing of the host is touched")
            }
        }

        @Test("a directory in the file's place is refused, with its name")
        func directory() throws {
            try withDaemon { daemon, client in
                try makeDirectory("\(daemon.rootfs.path)/etc/hosts")
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                #expect(pod.code == "mount-target-refused", "\(pod.reply.text)")
                #expect(pod.reply.text.contains("/etc/hosts is not a file"))
            }
        }

        /// The lines of the task's log before `end`.
        private func told(_ pod: Answer, _ task: String, _ daemon: Daemon) throws -> [String] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/\(task).log"
            var lines: [String] = []
            try eventually("the task has told all") {
                lines = (text(of: log) ?? "").split(separator: "\n").map {
                    // The CRI's prefix: time, stream, tag.
                    $0.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
                        .dropFirst(3).joined()
                }
                return lines.last == "end"
            }
            return words(lines.dropLast().joined(separator: "\n"))
        }

        /// The lines that are not empty, with one blank between their words.
        private func words(_ text: String) -> [String] {
            text.split(separator: "\n").map { line in
                line.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
            }
            .filter { !$0.isEmpty }
        }
    }
}
