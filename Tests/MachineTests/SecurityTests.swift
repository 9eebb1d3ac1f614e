// What a task's processes may do, as the kernel says from inside the task.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Security {
        /// The output of the tasks of one pod, by name, once all of them have ended.
        private func said(
            _ daemon: Daemon, _ client: Client, _ tasks: [String: (script: String, more: String)]
        ) throws -> [String: [String]] {
            let bodies = tasks.map { name, task in
                "\"\(name)\": \(daemon.rootfs.task(task.script + "; echo END", task.more))"
            }
            let pod = try client.createPod(
                "tell", #"{"tasks": {\#(bodies.joined(separator: ", "))}}"#)
            #expect(pod.status == 201, "\(pod.reply.text)")
            var output: [String: [String]] = [:]
            for name in tasks.keys {
                try eventually("the output of \(name) is there") {
                    let text = wordsOf(log: "\(daemon.logDirectory)/\(pod.uid)/\(name).log")
                    output[name] = text.split(separator: "\n").map(String.init)
                    return text.contains("END")
                }
                output[name]?.removeAll { $0 == "END" }
            }
            #expect(try client.deletePod("tell").state == "succeeded")
            return output
        }

        private let capabilities = "grep -E '^Cap(Eff|Amb|Bnd):' /proc/self/status | tr -d '\\t'"

        /// The capabilities of this process, which are the daemon's.
        private func own() throws -> String {
            try Command.expect("sed", "-n", "s/^CapEff:.//p", "/proc/self/status")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }

        @Test("a task's groups, umask and limits are those of its spec, and labels are shown")
        func process() throws {
            try withDaemon { daemon, client in
                let output = try said(
                    daemon, client,
                    [
                        "plain": ("id -G; umask", #""user": "staff""#),
                        "without": ("id -G", #""user": "staff", "groupsFromRootfs": false"#),
                        "with": ("id -G", #""user": "staff:staff", "groupsFromRootfs": true"#),
                        "named": ("id -G; umask", #""groups": [20, "wheel"], "umask": "027""#),
                        "limited": (
                            "ulimit -Sn; ulimit -Hn; ulimit -Hc",
                            #"""
                            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100},
                            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
                            """#
                        ),
                    ])
                #expect(output["plain"] == ["2345 77", "0022"])
                #expect(output["without"] == ["2345"])
                #expect(output["with"] == ["2345 77"])
                #expect(output["named"] == ["0 20 77", "0027"])
                #expect(output["limited"] == ["99", "100", "0"])

                let unknown = try client.createPod(
                    "no", daemon.rootfs.pod("true", #""groups": ["nobody-here"]"#))
                #expect(unknown.code == "user-unknown", "\(unknown.reply.text)")
                #expect(unknown.reply.text.contains("nobody-here"))

                let noted = daemon.rootfs.pod(
                    "exec sleep 999", #""labels": {"a": "1"}, "annotations": {"b/c": "2"}"#)
                #expect(try client.createPod("noted", noted).status == 201)
                let task = try client.send("GET", "/v1/pods/noted/tasks/app")
                #expect(task["labels", "a"]?.string == "1")
                #expect(task["annotations", "b/c"]?.string == "2")
                let other = try client.createPod("noted", noted.replacing("\"1\"", with: "\"3\""))
                #expect(other.code == "spec-conflict")
                #expect(other.pointers == ["/tasks/app/labels/a"])
            }
        }

        @Test("masked and read-only paths are those of the spec, and an empty list means none")
        func paths() throws {
            let look = """
                awk '$5 ~ "^/proc/" {print $5}' /proc/self/mountinfo | sort | uniq | tr '\\n' ' ';
                echo; cat /etc/passwd | wc -c; touch /tmp/x 2>/dev/null && echo written
                """
            try withDaemon { daemon, client in
                let output = try said(
                    daemon, client,
                    [
                        "standard": (look, ""),
                        "none": (look, #""maskedPaths": [], "readOnlyPaths": []"#),
                        "own": (
                            look,
                            #""maskedPaths": ["/etc/passwd", "/none"], "readOnlyPaths": ["/tmp"]"#
                        ),
                    ])
                #expect(output["standard"]?.first?.contains("/proc/sys ") == true)
                #expect(
                    output["standard"]?.first?.contains("/proc/timer_list ") == true, "\(output)")
                #expect(output["standard"]?.last == "written")
                #expect(output["none"]?.first?.isEmpty != false || output["none"]?.count == 2)
                #expect(output["none"]?.contains { $0.contains("/proc/") } == false)
                #expect(output["own"]?.contains("0") == true)
                #expect(output["own"]?.contains("written") == false)
                #expect(exists(daemon.rootfs.path + "/etc/passwd"))
            }
        }

        @Test("a task's filter is the daemon's, none, or that of a file")
        func seccomp() throws {
            let look = "grep ^Seccomp: /proc/self/status | tr -d '\\t'; mkdir /tmp/x || echo no"
            try withDaemon { daemon, client in
                let file = daemon.home + "/profile.json"
                try write(
                    #"""
                    {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64",
                    "SCMP_ARCH_AARCH64"], "syscalls": [{"names": ["mkdir", "mkdirat"],
                    "action": "SCMP_ACT_ERRNO"}]}
                    """#, to: file)
                let output = try said(
                    daemon, client,
                    [
                        "standard": (look, #""seccomp": "default""#),
                        "none": (look, #""seccomp": "unconfined""#),
                        "file": (look, #""seccomp": {"path": "\#(file)"}"#),
                    ])
                #expect(output["standard"] == ["Seccomp:2"])
                #expect(output["none"] == ["Seccomp:0"])
                #expect(output["file"]?.contains("Seccomp:2") == true)
                #expect(output["file"]?.contains("no") == true)

                try write("{}", to: daemon.home + "/torn.json")
                try Command.expect("mkfifo", daemon.home + "/fifo")
                for (name, words) in [
                    ("gone.json", "ENOENT"), ("torn.json", "no defaultAction"), ("fifo", "EINVAL"),
                ] {
                    let path = daemon.home + "/" + name
                    let refused = try client.createPod(
                        "no", daemon.rootfs.pod("true", #""seccomp": {"path": "\#(path)"}"#))
                    #expect(refused.status == 422)
                    #expect(refused.code == "seccomp-profile-refused", "\(refused.reply.text)")
                    let detail = refused["detail"]?.string ?? ""
                    #expect(detail.contains(path) && detail.contains(words), "\(detail)")
                }
            }
        }

        @Test("ambient capabilities are kept by a user other than root, others are not")
        func ambient() throws {
            try withDaemon { daemon, client in
                let output = try said(
                    daemon, client,
                    [
                        "plain": (capabilities, #""user": "staff""#),
                        "ambient": (
                            capabilities,
                            #"""
                            "user": "staff",
                            "capabilities": {"drop": ["ALL"], "ambient": ["NET_BIND_SERVICE"]}
                            """#
                        ),
                    ])
                let one = "0000000000000400"
                #expect(output["plain"]?.first == "CapEff:0000000000000000")
                #expect(output["ambient"] == ["CapEff:\(one)", "CapBnd:\(one)", "CapAmb:\(one)"])
            }
        }

        @Test("a device is made in the task with its permissions, and no other can be opened")
        func devices() throws {
            let open = "head -c 0 <$D && echo opened; ls -l $D | tr -s ' ' | cut -d ' ' -f 1-6"
            try withDaemon { daemon, client in
                let device = try someDevice()
                let make = "mknod /tmp/d \(device.kind) \(device.major) \(device.minor);"
                let path = #""path": "\#(device.path)", "containerPath": "/dev/mine/own""#
                let output = try said(
                    daemon, client,
                    [
                        "with": (
                            "D=/dev/mine/own; \(open)",
                            #""devices": [{\#(path), "permissions": "rw"}]"#
                        ),
                        "without": ("\(make) D=/tmp/d; \(open) 2>&1", ""),
                        "unreadable": (
                            "D=/dev/mine/own; \(open) 2>&1",
                            #""devices": [{\#(path), "permissions": "m"}]"#
                        ),
                    ])
                #expect(output["with"]?.first == "opened", "\(output)")
                #expect(output["with"]?.last?.hasPrefix(device.kind) == true)
                #expect(output["without"]?.contains("opened") == false, "\(output)")
                #expect(
                    output["without"]?.contains { $0.contains("not permitted") } == true,
                    "\(output)")
                #expect(output["unreadable"]?.contains("opened") == false, "\(output)")

                for path in ["/dev/no-such-device", "/etc/passwd"] {
                    let more = #""devices": [{"path": "\#(path)", "containerPath": "/dev/x"}]"#
                    let refused = try client.createPod("no", daemon.rootfs.pod("true", more))
                    #expect(refused.status == 422)
                    #expect(refused.code == "device-refused", "\(refused.reply.text)")
                    #expect(refused["detail"]?.string?.contains(path) == true)
                }
                #expect(!exists("/dev/mine"))
            }
        }

        @Test("a link cannot lead a mount over a device, which would be made in its source")
        func deviceInMount() throws {
            try withDaemon { daemon, client in
                let source = daemon.home + "/source"
                try makeDirectory(source)
                try FileManager.default.createSymbolicLink(
                    atPath: daemon.rootfs.path + "/link", withDestinationPath: "/dev/mine")
                let more = #"""
                    "mounts": [{"type": "bind", "source": "\#(source)", "target": "/link"}],
                    "devices": [{"path": "/dev/null", "containerPath": "/dev/mine/own"}]
                    """#
                let refused = try client.createPod("no", daemon.rootfs.pod("true", more))
                #expect(refused.code == "device-refused", "\(refused.reply.text)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: source).isEmpty)
            }
        }

        @Test("a privileged task has what the daemon has")
        func privileged() throws {
            let look = """
                \(capabilities); grep ^Seccomp: /proc/self/status | tr -d '\\t';
                awk '$5 ~ "^/proc/" {print $5}' /proc/self/mountinfo | wc -l;
                awk '$5 == "/sys" {print $6}' /proc/self/mountinfo | cut -d , -f 1;
                find /dev -type c -o -type b | grep -v /dev/pts | wc -l
                """
            try withDaemon { daemon, client in
                let output = try said(
                    daemon, client, ["all": (look, #""privileged": true"#), "plain": (look, "")])
                let all = try #require(output["all"])
                let plain = try #require(output["plain"])
                #expect(all.first == "CapEff:\(try own())")
                #expect(all.dropFirst(3).prefix(3) == ["Seccomp:0", "0", "rw"], "\(all)")
                #expect(plain.dropFirst(5).first == "ro", "\(plain)")
                let (more, less) = (Int(all.last ?? ""), Int(plain.last ?? ""))
                #expect(try #require(more) > #require(less), "\(all), \(plain)")
                #expect(daemon.log.contains("a task is privileged"))
            }
        }

        @Test("what this host cannot do is refused by its place in the request")
        func host() throws {
            try withDaemon { daemon, client in
                if !exists("/sys/module/apparmor/parameters/enabled") {
                    let refused = try client.createPod(
                        "no", daemon.rootfs.pod("true", #""apparmor": "docker-default""#))
                    #expect(refused.code == "not-supported", "\(refused.reply.text)")
                    #expect(refused.pointers == ["/tasks/app/apparmor"])
                    let fine = daemon.rootfs.pod("true", #""apparmor": "unconfined""#)
                    #expect(try client.createPod("fine", fine).status == 201)
                }
                // CAP_SYS_RESOURCE is number 24.
                if UInt64(try own(), radix: 16).map({ $0 >> 24 & 1 == 0 }) ?? false {
                    let limit = #"{"type": "RLIMIT_NOFILE", "soft": 1, "hard": -1}"#
                    let refused = try client.createPod(
                        "no", daemon.rootfs.pod("true", #""rlimits": [\#(limit)]"#))
                    #expect(refused.code == "not-supported", "\(refused.reply.text)")
                    #expect(refused.pointers == ["/tasks/app/rlimits/0/hard"])
                    let add = #""capabilities": {"add": ["CHOWN", "SYS_RESOURCE"]}"#
                    let lacking = try client.createPod("no", daemon.rootfs.pod("true", add))
                    #expect(lacking.pointers == ["/tasks/app/capabilities/add/1"])
                    let all = daemon.rootfs.pod("true", #""capabilities": {"add": ["ALL"]}"#)
                    #expect(try client.createPod("all", all).status == 201)
                }
            }
        }
    }
}

/// A device of the host that a task cannot use by default.
private func someDevice() throws -> (path: String, kind: String, major: String, minor: String) {
    let paths = ["/dev/loop-control", "/dev/fuse", "/dev/kmsg", "/dev/net/tun"]
    let path = try #require(paths.first(where: exists))
    let said = try Command.expect("stat", "-c", "%t %T", path)
    let numbers = said.split(whereSeparator: \.isWhitespace).compactMap { Int($0, radix: 16) }
    return (path, "c", "\(numbers[0])", "\(numbers[1])")
}
