// What the kernel counts for pods, as the API tells it.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Statistics {
        /// Uses some processor time and 8 MiB of memory, and then sleeps.
        private static let script = """
            i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; \
            dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>&-; echo up; exec sleep 100000
            """
        private static let limits = #""resources": {"memory": 67108864, "cpus": 0.5, "pids": 9}"#
        private static let podLimits = #""resources": {"memory": 134217728}"#
        private static let hasLimits = ["memory", "cpu", "pids"].allSatisfy(Controllers.has)

        private func stats(_ client: Client, _ path: String) throws -> JSONValue {
            let answer = try client.send("GET", path + "/stats")
            #expect(answer.status == 200, "\(answer.reply.text)")
            return answer.json
        }

        /// With limits, if there are controllers for them.
        @discardableResult
        private func makePod(_ daemon: Daemon, _ client: Client) throws -> Answer {
            let limits = Self.hasLimits ? (Self.limits, Self.podLimits) : ("", "")
            let pod = try client.createPod(
                "web", daemon.rootfs.pod(Self.script, limits.0, podMore: limits.1))
            #expect(pod.status == 201, "\(pod.reply.text)")
            try eventually("the task sleeps") {
                text(of: "\(daemon.logDirectory)/\(pod.uid)/app.log")?.contains("up") == true
            }
            return pod
        }

        /// A number in a file of the task's cgroup; `nil` if there is no such file.
        private func number(
            _ hierarchy: String, _ file: String, _ pod: Answer, _ daemon: Daemon
        ) -> Int? {
            guard let mount = Controllers.hierarchy(hierarchy) else { return nil }
            let path = "\(mount)\(daemon.cgroupParent)/\(pod.uid)/pod/task-app/\(file)"
            let words = text(of: path)?.split { $0.isWhitespace } ?? []
            return words.first == "usage_usec"
                ? Int(words[1]).map { $0 * 1000 } : words.first.flatMap { Int($0) }
        }

        @Test("the numbers of a task, a pod and all pods are the kernel's")
        func counts() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                let time = Controllers.areUnified ? "/unified" : "/cpuacct"
                let unit = Controllers.areUnified ? "cpu.stat" : "cpuacct.usage"
                let before = try #require(number(time, unit, pod, daemon))
                let task = try stats(client, "/v1/pods/web/tasks/app")
                let after = try #require(number(time, unit, pod, daemon))
                let usage = Int((task["cpu"]?["usage"]?.double ?? -1) * 1e9)
                #expect(before - 1 <= usage && usage <= after + 1, "\(before) \(usage) \(after)")
                #expect(before > 0)
                #expect(task["state"]?.string == "running")
                if Self.hasLimits { try expectLimits(task, pod, daemon) }

                let whole = try stats(client, "/v1/pods/web")
                #expect(whole["uid"]?.string == pod.uid)
                #expect(whole["interfaces"]?.elements == [])
                let inPod = Int((whole["cpu"]?["usage"]?.double ?? -1) * 1e9)
                #expect(inPod + 1 >= before, "the pod has its tasks")
                let limit: JSONValue = Self.hasLimits ? .integer(128 << 20) : .null
                #expect(whole["memory"]?["limit"] == limit)
                #expect(whole["tasks"]?.members?.map(\.name) == ["app"])
                let all = try client.send("GET", "/v1/stats")
                #expect(all["items"]?.elements?.map { $0["name"]?.string } == ["web"])

                try client.send(
                    "POST", "/v1/pods/web/stop", #"{"grace": 0}"#, headers: ["Prefer": "wait=60"])
                let stopped = try stats(client, "/v1/pods/web/tasks/app")
                #expect(stopped["state"]?.string == "exited")
                let last = Int((stopped["cpu"]?["usage"]?.double ?? -1) * 1e9)
                #expect(last + 1 >= after, "an exited task keeps its numbers")
                #expect(try client.send("GET", "/v1/pods/web/tasks/no/stats").status == 404)
                #expect(try client.send("GET", "/v1/pods/no/stats").status == 404)
                #expect(try client.send("POST", "/v1/stats", "{}").status == 405)
            }
        }

        private func expectLimits(
            _ task: JSONValue, _ pod: Answer, _ daemon: Daemon
        ) throws {
            #expect(task["cpu"]?["limit"] == .real(0.5))
            #expect(task["pids"]?["limit"] == .integer(9))
            #expect(task["memory"]?["limit"] == .integer(64 << 20))
            let file = Controllers.areUnified ? "memory.current" : "memory.usage_in_bytes"
            let hierarchy = Controllers.areUnified ? "/unified" : "/memory"
            let now = try #require(number(hierarchy, file, pod, daemon))
            let usage = Int(task["memory"]?["usage"]?.double ?? 0)
            #expect(usage >= 8 << 20 && abs(usage - now) < 4 << 20, "\(usage) \(now)")
            #expect(Int(task["memory"]?["file"]?.double ?? 0) >= 8 << 20)
            #expect(task["memory"]?["oomKills"] == .integer(0))
            #expect(task["pids"]?["current"] == .integer(1))
        }

        @Test("an interface's numbers are as the pod sees them", arguments: [false, true])
        func interfaces(_ isOfPlugins: Bool) throws {
            let test = { (network: HostNetwork, daemon: Daemon, client: Client) in
                let server = daemon.rootfs.server("web")
                let pod = try NetworkPod(
                    "web", client,
                    isOfPlugins ? server.replacing("bridge", with: "cni") : server)
                let big = "\(daemon.dataDirectory)/\(pod.answer.uid)/app/upper/tmp/web/big"
                try write(String(repeating: "x", count: 1 << 20), to: big)
                #expect(try network.get("http://\(pod.address)/big")?.utf8.count == 1 << 20)

                // More is sent than received. Others on the bridge send now and then.
                let device = "/proc/\(pod.answer.taskPID())/net/dev"
                let before = try counts(device)
                let stats = try stats(client, "/v1/pods/web")["interfaces"]?.elements
                let after = try counts(device)
                #expect(stats?.map { $0["name"]?.string } == ["eth0"])
                for (way, place) in [("received", 0), ("sent", 8)] {
                    for (offset, what) in ["bytes", "packets", "errors", "dropped"].enumerated() {
                        let told = Int(stats?.first?[way]?[what]?.integer ?? -1)
                        let range = before[place + offset]...after[place + offset]
                        #expect(range.contains(told), "\(way) \(what): \(told), \(range)")
                    }
                }
                #expect(before[8] > 1 << 20 && before[0] < 1 << 20)
            }
            guard isOfPlugins else { return try withNetwork { try test($0, $1, $2) } }
            try withPlugins { _, network, daemon, client in try test(network, daemon, client) }
        }

        /// The numbers of eth0 in a file of /proc.
        private func counts(_ path: String) throws -> [Int] {
            let lines = (text(of: path) ?? "").split(separator: "\n")
            let line = try #require(lines.first { $0.contains("eth0:") })
            return line.split { $0 == ":" || $0.isWhitespace }.dropFirst().map { Int($0) ?? -1 }
        }

        @Test(
            "a helper that hangs is answered with 503, and delays no other read", .needsFailpoints)
        func hangs() throws {
            try withDaemon(hasFailpoints: true) { daemon, client in
                let plan = try #require(daemon.plan)
                try makePod(daemon, client)
                // The shim stays.
                try eventually("the daemon's own looks end") { daemon.children().count == 1 }
                try plan.arm(.helper, at: 1, .stall)
                for path in ["/v1/stats", "/v1/pods/web/stats", "/metrics/pods"] {
                    let answer = try client.send("GET", path)
                    #expect(answer.status == 503, "\(path)")
                    #expect(answer.code == "statistics-unavailable")
                    #expect(answer.reply[header: "retry-after"] == "1")
                }
                #expect(plan.fired != nil)
                #expect(daemon.children().count == 2, "no other helper was started")
                // The machine is shared, so the best of several answers is the daemon's own time.
                let best = try (0..<20).map { _ in try client.send("GET", "/v1/pods").took }.min()
                #expect(best ?? 1 < 0.1)
                plan.release()
                try eventually("the numbers are told again") {
                    try client.send("GET", "/v1/stats").status == 200
                }
                plan.disarm()
            }
        }

        @Test("/metrics/pods has cAdvisor's names, and Prometheus can read it")
        func metrics() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                let answer = try client.send("GET", "/metrics/pods")
                #expect(answer.status == 200)
                let lines = answer.reply.text.split(separator: "\n")
                let labels = #"id="\#(pod.uid)",pod="web""#
                #expect(
                    lines.contains {
                        $0.hasPrefix("container_cpu_usage_seconds_total{\(labels)} ")
                    })
                let ofTask = lines.filter { $0.contains(#"pod="web",container="app""#) }
                let limits = Self.hasLimits ? ["spec_memory_limit_bytes", "spec_cpu_quota"] : []
                for name in limits + ["start_time_seconds", "threads_max"] {
                    #expect(ofTask.contains { $0.hasPrefix("container_\(name){") }, "\(name)")
                }
                // 3: it was parsed, and names that cAdvisor has are found unusual.
                let lint = try Command.run(
                    "promtool", "check", "metrics", input: answer.reply.text)
                #expect([0, 3].contains(lint.status), "\(lint.output)")
            }
        }
    }
}

extension JSONValue {
    fileprivate var double: Double? {
        if case .real(let number) = self { number } else { integer.map(Double.init) }
    }
}
