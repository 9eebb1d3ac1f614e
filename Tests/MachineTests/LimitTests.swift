// Limits of a pod and of its tasks that the kernel accepts or refuses together.

import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Limits {
        private func task(_ daemon: Daemon, _ resources: String) -> String {
            daemon.rootfs.task("exec sleep 1000", #""resources": {\#(resources)}"#)
        }

        @Test("a task's CPUs above its pod's are refused by pointer with cgroup v1, taken with v2")
        func cpus() throws {
            try withDaemon { daemon, client in
                let isV2 = try client.send("GET", "/v1")["kernel", "cgroup"]?.string == "v2"
                func ask(_ method: String, _ target: String, _ body: String) throws -> Answer {
                    try client.send(method, target, body, headers: ["Prefer": "wait=60"])
                }
                func expect(_ answer: Answer, _ place: String, _ words: String) {
                    if isV2 {
                        #expect((200...202).contains(answer.status), "\(answer.reply.text)")
                        return
                    }
                    #expect(answer.code == "invalid-document", "\(answer.reply.text)")
                    #expect(answer.pointers == [place])
                    #expect(answer["detail"]?.string?.contains(words) == true)
                }
                let more = task(daemon, #""cpus": 1.5"#)
                let pod = #"{"resources": {"cpus": 1}, "tasks": {"app": \#(more)}}"#
                expect(
                    try client.createPod("over", pod), "/tasks/app/resources/cpus",
                    "must be at most 1,")
                let nothing = try client.send("GET", "/v1/operations")["items"]?.elements == []
                #expect(nothing || isV2)

                let same = task(daemon, #""cpus": 1"#)
                let fits = #"{"resources": {"cpus": 1}, "tasks": {"app": \#(same)}}"#
                #expect(try client.createPod("web", fits).status == 201)
                expect(
                    try ask("PUT", "/v1/pods/web/tasks/more", more), "/resources/cpus",
                    "must be at most 1,")
                expect(
                    try ask("PATCH", "/v1/pods/web", #"{"resources": {"cpus": 0.5}}"#),
                    "/resources/cpus", "the task 'app'")
                let raised = try ask(
                    "PATCH", "/v1/pods/web", #"{"resources": {"cpus": 1.5}}"#)
                #expect(raised.status == 200, "\(raised.reply.text)")
                let added = try ask("PUT", "/v1/pods/web/tasks/third", more)
                #expect(added.status == 201, "\(added.reply.text)")
            }
        }

        @Test("a pod's CPUs above its parent cgroup's are refused with a reason with cgroup v1")
        func parent() throws {
            try withDaemon { daemon, client in
                guard try client.send("GET", "/v1")["kernel", "cgroup"]?.string != "v2" else {
                    return
                }
                let quota = "/sys/fs/cgroup/cpu\(daemon.cgroupParent)/cpu.cfs_quota_us"
                try makeDirectory("/sys/fs/cgroup/cpu\(daemon.cgroupParent)")
                try Command.expect("sh", "-c", "echo 50000 >\(quota)")
                let made = try client.createPod("web", #"{"resources": {"cpus": 1}}"#)
                #expect(made.code == "runtime-refused", "\(made.reply.text)")
                #expect(made["detail"]?.string?.contains("a cgroup above it") == true)
                #expect(try client.createPod("web", "{}").status == 201)
                let raised = try client.send(
                    "PATCH", "/v1/pods/web", #"{"resources": {"cpus": 1}}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(raised.code == "runtime-refused", "\(raised.reply.text)")
                #expect(raised["detail"]?.string?.contains("a cgroup above it") == true)
                try Command.expect("sh", "-c", "echo -1 >\(quota)")
            }
        }

        @Test("a task's own limits are in its cgroups, and PATCH of its pod goes on working")
        func own() throws {
            try withDaemon { daemon, client in
                let limits = #"""
                    "memory": 33554432, "memorySwap": 33554432, "cpuShares": 512, "cpuQuota": 30000,
                    "cpuPeriod": 50000, "cpuset": {"cpus": "0", "mems": "0"}, "pids": null,
                    "hugepages": {"2MB": 0, "1GB": 0}, "oomScoreAdj": 500
                    """#
                let pod = #"{"resources": {"cpus": 1}, "tasks": {"app": \#(task(daemon, limits))}}"#
                let made = try client.createPod("web", pod)
                #expect(made.status == 201, "\(made.reply.text)")
                func value(_ controller: String, _ v1: String, _ v2: String) -> String? {
                    cgroupValue(daemon, made.uid, controller, v1, task: "app")
                        ?? cgroupValue(daemon, made.uid, controller, v2, task: "app")
                }
                let isV2 = try client.send("GET", "/v1")["kernel", "cgroup"]?.string == "v2"
                #expect(value("cpu", "cpu.shares", "cpu.weight") == (isV2 ? "20" : "512"))
                #expect(
                    value("cpu", "cpu.cfs_quota_us", "cpu.max") == (isV2 ? "30000 50000" : "30000"))
                #expect(
                    value("cpu", "cpu.cfs_period_us", "cpu.max.burst") == (isV2 ? "0" : "50000"))
                #expect(value("cpuset", "cpuset.cpus", "cpuset.cpus") == "0")
                #expect(value("cpuset", "cpuset.mems", "cpuset.mems") == "0")
                #expect(value("pids", "pids.max", "pids.max") == "max")
                #expect(value("memory", "memory.limit_in_bytes", "memory.max") == "33554432")
                let shown = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(shown["resources", "pids"] == .null)
                let pid = try #require(shown["pid"]?.integer)
                #expect(text(of: "/proc/\(pid)/oom_score_adj") == "500\n")
                #expect(try client.createPod("web", pod).status == 200)
                let patched = try client.send(
                    "PATCH", "/v1/pods/web", #"{"resources": {"pids": 100, "cpus": 0.7}}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(patched.status == 200, "\(patched.reply.text)")
                if !isV2 {
                    let lower = try client.send(
                        "PATCH", "/v1/pods/web", #"{"resources": {"cpus": 0.5}}"#)
                    #expect(lower.pointers == ["/resources/cpus"], "\(lower.reply.text)")
                }
            }
        }

        @Test("an oom_score_adj that the daemon may not set is raised, shown, and joined")
        func score() throws {
            try withDaemon { daemon, client in
                let spec = #"{"tasks": {"app": \#(task(daemon, #""oomScoreAdj": -997"#))}}"#
                #expect(try client.createPod("web", spec).status == 201)
                let shown = try client.send("GET", "/v1/pods/web/tasks/app")
                let least = try #require(shown["resources", "oomScoreAdj"]?.integer)
                let pid = try #require(shown["pid"]?.integer)
                #expect(text(of: "/proc/\(pid)/oom_score_adj") == "\(least)\n")
                let own = Int64(
                    (text(of: "/proc/self/oom_score_adj") ?? "").filter { $0 != "\n" })
                let status = text(of: "/proc/self/status") ?? ""
                let digits = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }?
                    .split(separator: "\t").last
                // CAP_SYS_RESOURCE is number 24.
                let may = UInt64(digits ?? "", radix: 16).map { $0 >> 24 & 1 == 1 } ?? false
                #expect(least == (may ? -997 : own))
                #expect(try client.createPod("web", spec).status == 200)
            }
        }

        @Test("limits that this host does not have are refused by their place")
        func missing() throws {
            try withDaemon { daemon, client in
                let kernel = try client.send("GET", "/v1")["kernel", "cgroup"]?.string
                func refused(_ limit: String) throws -> Answer {
                    try client.createPod("no", #"{"tasks": {"app": \#(task(daemon, limit))}}"#)
                }
                let size = try refused(#""hugepages": {"7MB": 7340032}"#)
                #expect(size.code == "not-supported", "\(size.reply.text)")
                #expect(size.pointers == ["/tasks/app/resources/hugepages/7MB"])
                let unified = try refused(#""unified": {"memory.high": "33554432"}"#)
                #expect(kernel == "v2" || unified.code == "not-supported")
                #expect(kernel == "v2" || unified.pointers == ["/tasks/app/resources/unified"])
                let cpuset = try refused(#""cpuset": {"cpus": "4095"}"#)
                #expect(cpuset.code == "runtime-refused", "\(cpuset.reply.text)")
                #expect(cpuset["detail"]?.string?.contains("cpuset.cpus") == true)
            }
        }

        @Test("a task's memory and pids above its pod's are taken, and the smaller limit applies")
        func others() throws {
            try withDaemon { daemon, client in
                let more = task(daemon, #""memory": 134217728, "pids": 100"#)
                let pod = """
                    {"resources": {"memory": 67108864, "pids": 50}, "tasks": {"app": \(more)}}
                    """
                let made = try client.createPod("web", pod)
                #expect(made.status == 201, "\(made.reply.text)")
                let lower = #"{"resources": {"memory": 33554432, "pids": 20}}"#
                let lowered = try client.send(
                    "PATCH", "/v1/pods/web", lower, headers: ["Prefer": "wait=60"])
                #expect(lowered.status == 200, "\(lowered.reply.text)")
            }
        }
    }
}
