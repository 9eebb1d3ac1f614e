// What a task sees, and what it may not do, as the task itself reports in its log.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Tasks {
        /// The output of a task that runs `script`, once it has ended.
        private func said(
            _ script: String, _ more: String = "", podMore: String = "", readOnly: Bool = false
        ) throws -> String {
            var output = ""
            try withDaemon { daemon, client in
                let task = daemon.rootfs.task(script, more, readOnly: readOnly)
                let body =
                    "{\"tasks\": {\"app\": \(task)}\(podMore.isEmpty ? "" : ", " + podMore)}"
                let pod = try client.createPod("tell", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                try client.waitForTask("tell", "app", "exited")
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the whole output is there") {
                    output = wordsOf(log: log)
                    return output.contains("END")
                }
            }
            return output
        }

        @Test("a task has its env, its directory and the pod's host name")
        func surroundings() throws {
            let output = try said(
                "echo $COLOUR; pwd; hostname; echo END",
                #""env": {"COLOUR": "red"}, "cwd": "/tmp""#,
                podMore: #""hostname": "box""#)
            #expect(output.hasPrefix("red\n/tmp\nbox\n"))
        }

        @Test(
            "users and groups are numbers, or names from the rootfs's files",
            arguments: [
                ("staff", "1234:2345"), ("staff:wheel", "1234:77"), ("77", "77:0"),
                ("1234", "1234:2345"), ("5:6", "5:6"), ("0:staff", "0:2345"),
            ])
        func users(_ user: String, _ expected: String) throws {
            let output = try said("echo $(id -u):$(id -g); echo END", "\"user\": \"\(user)\"")
            #expect(output.hasPrefix(expected + "\n"))
        }

        @Test("a task can read its own files again")
        func overlay() throws {
            #expect(try said("echo mine > /tmp/mine; cat /tmp/mine; echo END").hasPrefix("mine\n"))
        }

        @Test("the rootfs's files stay unchanged after the task removed them all")
        func rootfsIsUntouched() throws {
            try withDaemon { daemon, client in
                let listed = { try Command.run("find", daemon.rootfs.path, "-ls").output }
                let before = try listed()
                _ = try client.createPod(
                    "wild", daemon.rootfs.pod("rm -rf /etc /tmp /data; exit 4"))
                try client.waitForTask("wild", "app", "exited")
                try client.deletePod("wild")
                #expect(try listed() == before)
            }
        }

        @Test("a read-only rootfs refuses to be written to")
        func readOnly() throws {
            let output = try said("touch /x 2>&1; echo END", readOnly: true)
            #expect(output.contains("Read-only file system"))
        }

        @Test("bind mounts show the source, refuse writes if read-only, and the source survives")
        func bindMounts() throws {
            try withDaemon { daemon, client in
                let source = daemon.home + "/source"
                try makeDirectory(source + "/deep")
                try write("canary", to: source + "/deep/canary")
                let mounts = """
                    "mounts": [
                      {"type": "bind", "source": "\(source)", "target": "/data"},
                      {"type": "bind", "source": "\(source)", "target": "/still", "readOnly": true},
                      {"type": "tmpfs", "target": "/scratch", "size": 1048576}]
                    """
                let script = """
                    cat /data/deep/canary; echo new > /data/new; touch /still/x && exit 90;
                    dd if=/dev/zero of=/scratch/full bs=64k count=99 2>/dev/null && exit 91; exit 0
                    """
                _ = try client.createPod("web", daemon.rootfs.pod(script, mounts))
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["exitCode"]?.integer == 0)
                try client.deletePod("web")
                #expect(text(of: source + "/deep/canary") == "canary")
                #expect(text(of: source + "/new") == "new\n")
                #expect(!exists(source + "/x"))
            }
        }

        @Test(
            "a task is confined by default: capabilities, no new privileges, seccomp, masked paths")
        func safeByDefault() throws {
            let script = """
                grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t';
                cat /proc/kcore | head -c 1 | wc -c; cat /proc/timer_list 2>/dev/null | wc -c;
                echo 1 2>/dev/null > /proc/sys/kernel/printk || echo refused; echo END
                """
            let lines = try said(script).split(separator: "\n").map(String.init)
            // Docker's 14 capabilities: 0xa80425fb.
            #expect(lines.contains("CapEff:00000000a80425fb"))
            #expect(lines.contains("NoNewPrivs:1"))
            #expect(lines.contains("Seccomp:2"))
            #expect(lines.filter { $0 == "0" }.count == 2)
            #expect(lines.contains("refused"))
        }

        @Test("capabilities are added and dropped")
        func capabilities() throws {
            let output = try said(
                "grep -E '^(CapEff|NoNewPrivs):' /proc/self/status | tr -d '\\t'; echo END",
                """
                "capabilities": {"add": ["CAP_NET_ADMIN"], "drop": ["ALL"]},
                "noNewPrivileges": false
                """)
            #expect(output.hasPrefix("CapEff:0000000000001000\n"))
            #expect(output.contains("NoNewPrivs:0"))
        }

        @Test("a task that exceeds its memory is killed, and its record says oomKilled")
        func memory() throws {
            try withDaemon { daemon, client in
                let limits = #""resources": {"memory": 16777216}"#
                let script = "exec tail /dev/zero"
                let pod = try client.createPod("big", daemon.rootfs.pod(script, limits))
                let task = try client.waitForTask("big", "app", "exited")
                #expect(task["oomKilled"] == .bool(true))
                #expect(task["signal"]?.string == "KILL")
                let shim = try #require(pod["shim", "pid"]?.integer)
                #expect(exists("/proc/\(shim)"))
                #expect(try client.send("GET", "/v1/pods/big").state == "ready")
            }
        }

        @Test("limits are set in the cgroups of the task and of the pod")
        func limits() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "exec sleep 9999", #""resources": {"memory": 67108864, "cpus": 0.5}"#,
                        podMore: #""resources": {"memory": 134217728, "pids": 512}"#))
                func value(_ controller: String, _ v1: String, _ v2: String, task: String?)
                    -> String?
                {
                    cgroupValue(daemon, pod.uid, controller, v1, task: task)
                        ?? cgroupValue(daemon, pod.uid, controller, v2, task: task)
                }
                let memory = ("memory.limit_in_bytes", "memory.max")
                #expect(value("memory", memory.0, memory.1, task: "app") == "67108864")
                #expect(value("memory", memory.0, memory.1, task: nil) == "134217728")
                #expect(value("pids", "pids.max", "pids.max", task: "app") == "4096")
                #expect(value("pids", "pids.max", "pids.max", task: nil) == "512")
                let quota = value("cpu", "cpu.cfs_quota_us", "cpu.max", task: "app")
                #expect(quota?.hasPrefix("50000") == true)
            }
        }

        @Test("a fork bomb ends at its pids limit, and its pod can be deleted")
        func pids() throws {
            try withDaemon { daemon, client in
                let limit = #""resources": {"pids": 32}"#
                _ = try client.createPod(
                    "bomb", daemon.rootfs.pod("while true; do sleep 999 & done", limit))
                #expect(try client.deletePod("bomb").state == "succeeded")
            }
        }

        @Test("a full log disk delays neither a task's exit nor its pod's delete")
        func fullLogDisk() throws {
            try withDaemon { daemon, client in
                try makeDirectory(daemon.logDirectory)
                try Command.run(
                    "mount", "-t", "tmpfs", "-o", "size=1m", "log", daemon.logDirectory)
                let script = "dd if=/dev/zero bs=64k count=256 2>/dev/null; exit 6"
                _ = try client.createPod("loud", daemon.rootfs.pod(script))
                let task = try client.waitForTask("loud", "app", "exited")
                #expect(task["exitCode"]?.integer == 6)
                #expect(try client.deletePod("loud").state == "succeeded")
                try Command.run("umount", daemon.logDirectory)
            }
        }
    }
}

/// A task's output, without the head of each log line: `<time> <stream> <F or P>`.
func wordsOf(log: String) -> String {
    (text(of: log) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false) }
        .map { $0.count == 4 ? String($0[3]) : "" }.joined(separator: "\n")
}
