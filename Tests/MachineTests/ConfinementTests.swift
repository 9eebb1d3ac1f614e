// What the seccomp profiles permit, as the kernel answers; and whether pods can reach each other's
// keys.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Confinement {
        /// Tests/Tools/confinement.c, built once for each run of the tests.
        static let tool = Result {
            let source = Installation.root + "/Tests/Tools/confinement.c"
            let program = Installation.root + "/.build/confinement"
            try Command.expect("cc", "-static", "-O1", "-Wall", "-Werror", "-o", program, source)
            return program
        }

        private func withTool(
            _ profile: String?, _ body: (Daemon, Client) throws -> Void
        ) throws {
            let arguments = profile.map { ["--seccomp-profile", $0] } ?? []
            try withDaemon(arguments) { daemon, client in
                try Command.expect(
                    "cp", try Confinement.tool.get(), daemon.rootfs.path + "/bin/conf")
                try body(daemon, client)
            }
        }

        /// The output of `conf` with these words, up to `end`.
        private func said(
            _ name: String, _ script: String, _ more: String, _ daemon: Daemon, _ client: Client,
            until end: String
        ) throws -> [String] {
            let pod = try client.createPod(name, daemon.rootfs.pod(script, more))
            #expect(pod.status == 201, "\(pod.reply.text)")
            var words = ""
            try eventually("the task says \(end)") {
                words = wordsOf(log: "\(daemon.logDirectory)/\(pod.uid)/app.log")
                return words.contains(end)
            }
            return words.split(separator: "\n").map(String.init)
        }

        static let always = [
            "clone 0", "unshare-files 0", "inet 0", "inet-9 0", "personality 0",
            "personality-40000 ENOSYS", "add_key ENOSYS", "keyctl ENOSYS", "io_uring_setup ENOSYS",
            "swapon EPERM", "vsock EAFNOSUPPORT", "vsock-high ENOSYS", "unknown ENOSYS",
        ]
        static let plain = [
            "clone-user EPERM", "clone-net-ipc EPERM", "clone3 ENOSYS", "unshare-user EPERM",
            "unshare-time EPERM", "bpf EPERM", "mount EPERM",
        ]

        @Test(
            "the built-in profile is in force without any package",
            arguments: [
                ("", plain + ["audit 0"]),
                (
                    #""capabilities": {"drop": ["AUDIT_WRITE"]}"#, plain + ["audit EINVAL"]
                ),
                (
                    #""capabilities": {"add": ["SYS_ADMIN"]}"#,
                    ["clone-user 0", "clone-net-ipc 0", "clone3 EINVAL", "mount EFAULT", "audit 0"]
                ),
            ])
        func builtIn(_ more: String, _ expected: [String]) throws {
            try withTool(nil) { daemon, client in
                let lines = try said("web", "conf calls", more, daemon, client, until: "unknown")
                for line in Confinement.always + expected {
                    #expect(lines.contains(line), "\(line), in \(lines)")
                }
            }
        }

        @Test("without compat32 a system call of the i386 ABI ends the task")
        func compat32() throws {
            try withTool(nil) { daemon, client in
                let lines = try said("web", "conf compat", "", daemon, client, until: "compat")
                #expect(lines == ["compat"])
                let pod = daemon.rootfs.pod("exec conf compat", "\"compat32\": false")
                _ = try client.createPod("native", pod)
                let task = try client.waitForTask("native", "app", "exited")
                #expect(task["signal"]?.string == "SYS", "\(task.reply.text)")
            }
        }

        @Test(
            "the daemon reports the profile that is in force",
            arguments: [
                (nil, "builtin", "Seccomp:\t2"), ("none", "none", "Seccomp:\t0"),
                ("/usr/share/containers/seccomp.json", "file", "Seccomp:\t2"),
            ])
        func source(_ profile: String?, _ source: String, _ status: String) throws {
            try withTool(profile) { daemon, client in
                let server = try client.send("GET", "/v1")
                #expect(server["seccompProfile", "source"]?.string == source)
                let path = source == "file" ? profile : nil
                #expect(server["seccompProfile", "path"]?.string == path)
                #expect(server["seccomp"] == .bool(source != "none"))
                #expect(daemon.log.contains(" seccomp=\(path ?? source)"))
                let metrics = try client.send("GET", "/metrics").reply.text
                #expect(metrics.contains(#"staunch_seccomp_profile_info{source="\#(source)"} 1"#))
                let look = "grep ^Seccomp: /proc/self/status; echo END"
                #expect(try said("web", look, "", daemon, client, until: "END").contains(status))
            }
        }

        @Test("a key of one pod cannot be read by another pod, even without a filter")
        func keys() throws {
            try withTool("none") { daemon, client in
                let key = "staunch-\(UUID())"
                let keep = "conf keep \(key) & conf find \(key); wait"
                _ = try said("a", keep, "", daemon, client, until: "kept 0")
                #expect(
                    try said("b", "conf find \(key); echo END", "", daemon, client, until: "END")
                        == ["none", "END"])
            }
        }
    }
}
