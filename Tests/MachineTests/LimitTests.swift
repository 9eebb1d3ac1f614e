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
