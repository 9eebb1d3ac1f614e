// Health checks whose program the shim starts itself, and checks that it leaves to the runtime.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct HealthCheckPrograms {
        private let path = "/v1/pods/web/tasks/app"

        /// A task that sees `daemon.home` + "/shared" as `/shared`.
        private func task(
            _ daemon: Daemon, check script: String, _ members: String = "",
            timeout: Double = 5
        ) throws -> String {
            try makeDirectory(daemon.home + "/shared")
            try Command.expect("chmod", "777", daemon.home + "/shared")
            return daemon.rootfs.task(
                "exec sleep 100000",
                """
                "mounts": [{"type": "bind", "source": "\(daemon.home)/shared", \
                "target": "/shared"}], "gracePeriod": 0.1, \
                "health": {"exec": {"args": ["sh", "-c", \(quoted(script))]}, "interval": 0.2, \
                "timeout": \(timeout), "retries": 1}\(members.isEmpty ? "" : ", " + members)
                """)
        }

        private func create(_ client: Client, _ tasks: [String: String], _ more: String) throws {
            let list = tasks.map { "\"\($0)\": \($1)" }.joined(separator: ", ")
            let body = "{\"tasks\": {\(list)}\(more.isEmpty ? "" : ", " + more)}"
            let created = try client.createPod("web", body)
            #expect(created.status == 201, "\(created.reply.text)")
        }

        /// What a process sees of its surroundings.
        private func look(_ file: String) -> String {
            """
            cd /proc/self; { pwd; cat status limits cgroup mountinfo oom_score_adj; \
            for n in ns/*; do readlink $n; done; id; env; umask; \
            [ $(id -u) = 0 ] || \
            awk '{print $9 == "_ses:" ? 0 : $1, $5, $6, $7, $8, $9}' /proc/keys; \
            } >/shared/\(file).new 2>&1; \
            mv /shared/\(file).new /shared/\(file)
            """
        }

        /// The lines that are the same for each process of a task.
        private func lines(_ daemon: Daemon, _ file: String) -> [String] {
            let own = [
                "Pid:", "Tgid:", "PPid:", "NStgid:", "NSpid:", "NSpgid:", "NSsid:", "Vm", "Rss",
                "voluntary", "nonvoluntary", "State:", "/proc/", "SigQ:", "FDSize:",
            ]
            return (text(of: "\(daemon.home)/shared/\(file)") ?? "").split(separator: "\n")
                .filter { line in !own.contains { line.hasPrefix($0) } }
                .map { String($0.split(separator: "/exec-").first ?? "") }
        }

        struct Shape: Sendable, CustomTestStringConvertible {
            let task: String
            var pod = ""

            var testDescription: String { "\(task) \(pod)" }
        }

        static let shapes = [
            Shape(task: ""),
            Shape(task: #""user": "staff", "env": {"HOME": "/tmp", "A": "b"}"#),
            Shape(task: #""user": "1234:77", "groups": [5, 6], "cwd": "/tmp", "maskedPaths": []"#),
            Shape(task: #""capabilities": {"add": ["SYS_ADMIN"], "drop": ["CHOWN"]}"#),
            Shape(task: #""capabilities": {"drop": ["ALL"]}, "noNewPrivileges": false"#),
            Shape(task: #""seccomp": "unconfined""#),
            Shape(task: #""seccomp": {"path": "PROFILE"}"#),
            Shape(task: #""compat32": false"#),
            Shape(
                task: #""rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]"#,
                pod: #""hostPID": true"#),
            Shape(task: "", pod: #""sharePID": true"#),
            Shape(task: "", pod: #""network": {"mode": "host"}, "hostIPC": true"#),
        ]

        @Test("a check sees what an exec of the runtime's sees", arguments: shapes)
        func same(_ shape: Shape) throws {
            try withDaemon { daemon, client in
                let profile = daemon.home + "/profile.json"
                try write(
                    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "#
                        + #""action": "SCMP_ACT_ERRNO"}]}"#,
                    to: profile)
                let members = shape.task.replacingOccurrences(of: "PROFILE", with: profile)
                let script = "\(look("check")); grep PPid: /proc/$$/status; exit 3"
                let app = try task(daemon, check: script, members)
                try create(client, ["app": app], shape.pod)
                if !shape.pod.contains("hostPID") { try expectStarter(client, isShim: true) }
                try eventually("a check has looked") { !lines(daemon, "check").isEmpty }
                let exec = try client.send(
                    "POST", path + "/exec",
                    #"{"args": ["sh", "-c", \#(quoted(look("exec")))]}"#)
                #expect(exec["exitCode"] == .integer(0), "\(exec.reply.text)")
                let (ours, runtimes) = (lines(daemon, "check"), lines(daemon, "exec"))
                #expect(runtimes.count > 60)
                #expect(
                    ours.difference(from: runtimes).isEmpty, "\(ours.difference(from: runtimes))")
                let filtered = shape.task.contains("unconfined") ? "0" : "2"
                #expect(ours.contains("Seccomp:\t" + filtered))
            }
        }

        /// Waits until the program of a check was started by the shim, or by the runtime, whose
        /// exec has no parent in the PID namespace of the task.
        private func expectStarter(_ client: Client, isShim: Bool) throws {
            try eventually("a check is started by the \(isShim ? "shim" : "runtime")") {
                let seen = try client.send("GET", path)["health", "output"]?.string ?? ""
                return seen.hasPrefix("exit code 3: PPid:\t")
                    && seen.hasSuffix("PPid:\t0\n") != isShim
            }
        }

        static let unknown = [
            Shape(task: #""capabilities": {"add": ["SYS_PTRACE"]}"#),
            Shape(task: #""privileged": true"#),
            Shape(task: #""env": {"HOME": ""}"#),
            Shape(task: "", pod: #""sharePID": true"#),
        ]

        @Test("the runtime starts a check whose task the shim does not know", arguments: unknown)
        func fallback(_ shape: Shape) throws {
            try withDaemon { daemon, client in
                let script = "grep PPid: /proc/$$/status; exit 3"
                var tasks = ["app": try task(daemon, check: script, shape.task)]
                if shape.pod.contains("sharePID") {
                    tasks["tracer"] = daemon.rootfs.task(
                        "exec sleep 100000", #""capabilities": {"add": ["SYS_PTRACE"]}"#)
                }
                try create(client, tasks, shape.pod)
                try expectStarter(client, isShim: false)
            }
        }

        @Test("a check leaves no zombie to a task that reaps nothing")
        func zombies() throws {
            try withDaemon { daemon, client in
                let script = """
                    cat /proc/[0-9]*/stat >/shared/seen.new 2>/dev/null; echo >>/shared/count; \
                    mv /shared/seen.new /shared/seen; (sleep 0.03 &); sleep 0.06 & exit 0
                    """
                try create(client, ["app": task(daemon, check: script)], "")
                try eventually("ten checks have run") {
                    text(of: daemon.home + "/shared/count")?.utf8.count ?? 0 > 10
                }
                let seen = try #require(text(of: daemon.home + "/shared/seen"))
                #expect(seen.contains(") S ") && !seen.contains(") Z "), "\(seen)")
            }
        }

        @Test("a task that kills the parent of its check ends the check")
        func killedParent() throws {
            try withDaemon { daemon, client in
                let script = "kill -9 $PPID; exec sleep 98760"
                try create(client, ["app": task(daemon, check: script, timeout: 3600)], "")
                let seen = try eventuallySome("the check has failed") {
                    try client.send("GET", path)["health", "output"]?.string
                }
                #expect(seen == "a process has killed the parent of the program")
                try eventually("nothing is left of the check") { daemon.sleepers("98760") == 0 }
            }
        }
    }
}
