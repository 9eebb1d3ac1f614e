// PATCH of a living task: its limits in the kernel, and its restarts.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct TaskUpdates {
        static let controllers = ["cpu", "cpuset", "memory", "pids"]
        /// Whether the host can limit everything that these tests limit.
        static let canLimit = controllers.allSatisfy(Controllers.has)

        private static let limits = """
            "memory": 67108864, "cpuShares": 512, "cpuQuota": 30000, "cpuPeriod": 50000, \
            "cpuset": {"cpus": "0", "mems": "0"}, "pids": 50
            """

        private func patch(
            _ client: Client, _ body: String, wait: Int = 60, headers: [String: String] = [:]
        ) throws -> Answer {
            try client.send(
                "PATCH", "/v1/pods/web/tasks/app", body,
                headers: ["Prefer": "wait=\(wait)"].merging(headers) { $1 })
        }

        private func task(_ client: Client) throws -> Answer {
            try client.send("GET", "/v1/pods/web/tasks/app")
        }

        private func post(
            _ client: Client, _ verb: String, _ body: String = "{}"
        ) throws -> Answer {
            try client.send(
                "POST", "/v1/pods/web/tasks/app/\(verb)", body, headers: ["Prefer": "wait=60"])
        }

        private func makePod(
            _ daemon: Daemon, _ client: Client, _ script: String = "exec sleep 100000",
            _ limits: String = limits, _ more: String = ""
        ) throws -> Answer {
            let resources = "\"resources\": {\(limits)}" + (more.isEmpty ? "" : ", " + more)
            let pod = try client.createPod("web", daemon.rootfs.pod(script, resources))
            #expect(pod.status == 201, "\(pod.reply.text)")
            return pod
        }

        @Test("each limit changes in the kernel, in each hierarchy", .enabled(if: canLimit))
        func changes() throws {
            try withDaemon { daemon, client in
                let pod = try makePod(daemon, client)
                let kernel = KernelValues(daemon, pod)
                let before = try task(client)
                #expect(kernel.all == KernelValues.expected(64, 512, 30000, 50000, "0", 50))
                let changed = try patch(
                    client,
                    #"""
                    {"resources": {"memory": 134217728, "memorySwap": 201326592, "cpuShares": 300,
                    "cpuQuota": 90000, "cpuPeriod": 100000, "cpuset": {"cpus": null}, "pids": 60}}
                    """#)
                #expect(changed.status == 200, "\(changed.reply.text)")
                #expect(changed["kind"]?.string == "task.update")
                let mine = kernel.parent("cpuset.cpus")
                #expect(
                    kernel.all
                        == KernelValues.expected(128, 300, 90000, 100_000, mine, 60, swap: 192))
                let after = try task(client)
                #expect(after["resources", "memory"]?.integer == 134_217_728)
                #expect(
                    after["resources", "cpuset"]
                        == .object([JSONMember(name: "mems", value: .string("0"))]))
                #expect(after["revision"]?.integer ?? 0 > before["revision"]?.integer ?? 0)
                #expect(after["pid"] == before["pid"] && after.state == "running")
                #expect(try patch(client, #"{"resources": {"pids": 60}}"#).uid == after.uid)

                let lowered = try patch(
                    client,
                    #"""
                    {"resources": {"memory": 33554432, "memorySwap": null, "cpuQuota": 20000,
                    "cpuPeriod": 20000, "cpuset": {"cpus": "0"}}}
                    """#)
                #expect(lowered.status == 200, "\(lowered.reply.text)")
                #expect(kernel.all == KernelValues.expected(32, 300, 20000, 20000, "0", 60))
                let lifted = try patch(client, #"{"resources": null}"#)
                #expect(lifted.status == 200, "\(lifted.reply.text)")
                #expect(kernel.all == KernelValues.unlimited(cpus: mine, pids: "4096"))
                #expect(try patch(client, #"{"resources": {"pids": null}}"#).status == 200)
                #expect(kernel.all == KernelValues.unlimited(cpus: mine, pids: "max"))
            }
        }

        @Test("if the last limit is refused, all are as before", .enabled(if: canLimit))
        func allOrNothing() throws {
            try withDaemon { daemon, client in
                let script = "head -c 40000000 /dev/zero >/dev/shm/x; echo up; exec sleep 100000"
                let pod = try makePod(daemon, client, script)
                try eventually("the memory is used") {
                    text(of: "\(daemon.logDirectory)/\(pod.uid)/app.log")?.contains("up") == true
                }
                let kernel = KernelValues(daemon, pod)
                let (values, before) = (kernel.all, try task(client))
                let bundle = "\(daemon.runDirectory)/pods/\(pod.uid)/tasks/app"
                let document = text(of: bundle + "/config.json")
                // Shared memory cannot be taken away without swap. It is written last.
                let refused = try patch(
                    client,
                    #"""
                    {"resources": {"cpuShares": 300, "cpuQuota": 20000, "cpuset": {"cpus": null},
                    "pids": 99, "memory": 16777216}}
                    """#)
                #expect(refused.status == 422 && refused.code == "runtime-refused")
                let detail = refused["detail"]?.string ?? ""
                #expect(
                    detail.contains("'/resources/memory'") && detail.contains("EBUSY"),
                    "\(refused.reply.text)")
                #expect(kernel.all == values)
                #expect(try task(client).reply.text == before.reply.text)
                #expect(text(of: bundle + "/config.json") == document)
                #expect(!exists(bundle + "/config.next"))
                let taken = try patch(client, #"{"resources": {"pids": 99}}"#)
                #expect(taken.status == 200, "\(taken.reply.text)")
                #expect(kernel.value("pids", "pids.max", "pids.max") == "99")
            }
        }

        @Test("a limit that the host cannot set is refused by its place", .enabled(if: !canLimit))
        func missing() throws {
            try withDaemon { daemon, client in
                _ = try makePod(daemon, client, "exec sleep 100000", "")
                let missing = try #require(Self.controllers.first { !Controllers.has($0) })
                let (body, member) =
                    switch missing {
                    case "cpu": (#"{"cpuShares": 300}"#, "/resources/cpuShares")
                    case "cpuset": (#"{"cpuset": {"cpus": "0"}}"#, "/resources/cpuset/cpus")
                    case "memory": (#"{"memory": 67108864}"#, "/resources/memory")
                    default: (#"{"pids": 9}"#, "/resources/pids")
                    }
                let before = try task(client).reply.text
                let refused = try patch(client, #"{"resources": \#(body)}"#)
                #expect(refused.status == 422 && refused.code == "runtime-refused")
                #expect(refused["detail"]?.string?.contains("'\(member)'") == true)
                #expect(try task(client).reply.text == before)
            }
        }

        enum Moment: String, CaseIterable, Sendable {
            case paused = "a paused task"
            case created = "a task that has not started"
            case waiting = "a task that waits for a restart"
        }

        @Test(
            "a task is changed that does not run", .enabled(if: canLimit),
            arguments: Moment.allCases)
        func atRest(_ moment: Moment) throws {
            try withDaemon { daemon, client in
                let backoff = #""backoff": {"initial": 86400, "max": 86400}"#
                let (script, more) =
                    switch moment {
                    case .paused: ("exec sleep 100000", "")
                    case .created: ("exec sleep 100000", #""start": false"#)
                    case .waiting:
                        (
                            "[ -e /mark ] || { echo >/mark; exit 3; }; exec sleep 100000",
                            #""restart": {"policy": "always", \#(backoff)}"#
                        )
                    }
                let pod = try makePod(daemon, client, script, Self.limits, more)
                if moment == .paused { #expect(try post(client, "pause").state == "succeeded") }
                if moment == .waiting {
                    try eventually("it waits") { try task(client)["nextStartAt"]?.string != nil }
                }
                let changed = try patch(
                    client, #"{"resources": {"memory": 134217728, "pids": 60}}"#)
                #expect(changed.status == 200, "\(changed.reply.text)")
                switch moment {
                case .paused:
                    #expect(try task(client).state == "paused")
                    #expect(try post(client, "resume").state == "succeeded")
                case .created: #expect(try post(client, "start").state == "succeeded")
                case .waiting:
                    #expect(try task(client)["nextStartAt"]?.string != nil)
                    #expect(try post(client, "start").state == "succeeded")
                }
                #expect(try task(client).state == "running")
                #expect(
                    KernelValues(daemon, pod).all
                        == KernelValues.expected(128, 512, 30000, 50000, "0", 60))
            }
        }

        @Test(
            "a restarted attempt has the new limits, also after a restart of the daemon",
            .enabled(if: canLimit), arguments: [false, true])
        func restarted(isDaemonRestarted: Bool) throws {
            try withDaemon { daemon, client in
                let restart = #""restart": {"policy": "always", "backoff": {"initial": 0}}"#
                let pod = try makePod(daemon, client, "exec sleep 100000", Self.limits, restart)
                let kernel = KernelValues(daemon, pod)
                let changed = try patch(
                    client,
                    #"{"resources": {"memory": 134217728, "cpuShares": null, "pids": 60}}"#)
                #expect(changed.status == 200, "\(changed.reply.text)")
                let expected = KernelValues.expected(128, nil, 30000, 50000, "0", 60)
                #expect(kernel.all == expected)
                if isDaemonRestarted { try daemon.crashAndRestart() }
                #expect(try task(client)["resources", "pids"]?.integer == 60)
                #expect(kernel.all == expected)
                #expect(try post(client, "signal", #"{"signal": "KILL"}"#).state == "succeeded")
                try eventually("the next attempt runs") {
                    let seen = try task(client)
                    return seen["attempt"]?.integer == 2 && seen.state == "running"
                }
                #expect(kernel.all == expected)
            }
        }

        @Test(
            "limits change below a cgroup parent", .enabled(if: canLimit),
            arguments: ForeignParent.kinds)
        func parent(_ kind: ForeignParent.Kind) throws {
            try withDaemon { daemon, client in
                let parent = try ForeignParent(kind, daemon)
                let pod = try client.createPod("web", parent.pod(daemon.rootfs))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let values = parent.cgroups(of: pod, "app", daemon).map { $0 + "/pids.max" }
                    .filter(exists)
                #expect(values.compactMap { text(of: $0) } == ["4096\n"])
                let changed = try patch(client, #"{"resources": {"pids": 60}}"#)
                #expect(changed.status == 200, "\(changed.reply.text)")
                #expect(values.compactMap { text(of: $0) } == ["60\n"])
            }
        }

        @Test("another policy, other pauses and another number of restarts hold from then on")
        func restarts() throws {
            try withDaemon { daemon, client in
                let script = """
                    n=$(($(cat /n 2>/dev/null || echo 0) + 1)); echo $n >/n; echo run $n
                    [ $n = 1 ] && exit 3; [ $n = 3 ] && exit 0; exec sleep 100000
                    """
                let restart = """
                    "restart": {"policy": "on-failure", "backoff": {"initial": 86400, "max": 86400}}
                    """
                let pod = try makePod(daemon, client, script, "", restart)
                let next = try eventuallySome("it waits") {
                    try task(client)["nextStartAt"]?.string
                }
                let changed = try patch(
                    client,
                    #"{"restart": {"policy": "always", "backoff": {"initial": 0, "max": null}}}"#)
                #expect(changed.status == 200, "\(changed.reply.text)")
                let shown = try task(client)
                #expect(shown["nextStartAt"]?.string == next, "what is due stays so")
                #expect(shown["restart", "policy"]?.string == "always")
                #expect(shown["restart", "backoff", "max"]?.integer == 60)
                #expect(try post(client, "start").state == "succeeded")
                try eventually("the second attempt has counted") {
                    text(of: "\(daemon.logDirectory)/\(pod.uid)/app.log")?.contains("run 2\n")
                        == true
                }
                let kill = #"{"signal": "KILL"}"#
                #expect(try post(client, "signal", kill).state == "succeeded")
                try eventually("it is restarted after a success, too") {
                    let seen = try task(client)
                    return seen["attempt"]?.integer == 4 && seen.state == "running"
                }
                try daemon.crashAndRestart()
                let limited = try patch(client, #"{"restart": {"maxRetries": 3}}"#)
                #expect(limited.status == 200, "\(limited.reply.text)")
                #expect(try post(client, "signal", kill).state == "succeeded")
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["attempt"]?.integer == 4 && ended["nextStartAt"] == .null)
                let late = try patch(client, #"{"restart": {"maxRetries": null}}"#)
                #expect(late.status == 409 && late.code == "task-state", "\(late.reply.text)")
                #expect(try patch(client, #"{"restart": {"maxRetries": 3}}"#).status == 200)
            }
        }

        @Test("a task that waits for an attempt ends if the new policy does not want it")
        func ends() throws {
            try withDaemon { daemon, client in
                let restart = #""restart": {"policy": "always", "backoff": {"initial": 86400}}"#
                _ = try makePod(daemon, client, "exit 3", "", restart)
                // The longest pause is a minute.
                try eventually("it waits") { try task(client)["nextStartAt"]?.string != nil }
                #expect(try patch(client, #"{"restart": {"maxRetries": 0}}"#).status == 200)
                try eventually("it has ended") { try task(client)["nextStartAt"] == .null }
                let start = try post(client, "start")
                #expect(start.code == "task-state", "\(start.reply.text)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("what cannot be asked for is refused by its place", arguments: badPatches)
        func refused(_ bad: BadPatch) throws {
            try withDaemon { daemon, client in
                _ = try makePod(daemon, client, "exec sleep 100000", "", #""restart": {}"#)
                let before = try task(client).reply.text
                let refused = try patch(client, bad.body)
                #expect(refused.status == bad.status, "\(refused.reply.text)")
                #expect(refused.code == bad.code && refused.pointers == bad.pointers)
                #expect(try task(client).reply.text == before)
            }
        }

        @Test("the conditions of a PATCH and its Operation-Id are those of other requests")
        func conditions() throws {
            try withDaemon { daemon, client in
                let restart = #""restart": {"policy": "always"}"#
                _ = try makePod(daemon, client, "exec sleep 100000", "", restart)
                let body = #"{"restart": {"maxRetries": 5}}"#
                let stale = try patch(client, body, headers: ["If-Match": "\"x\""])
                #expect(stale.status == 412, "\(stale.reply.text)")
                let id = UUID().uuidString.lowercased()
                let first = try patch(client, body, headers: ["Operation-Id": id])
                #expect(first.state == "succeeded" && first.id == id)
                #expect(try patch(client, #"{"restart": {"maxRetries": 6}}"#).status == 200)
                // A late retry is answered with its own end, and changes nothing.
                #expect(try patch(client, body, headers: ["Operation-Id": id]).id == id)
                #expect(try task(client)["restart", "maxRetries"]?.integer == 6)
                let unknown = try client.send("PATCH", "/v1/pods/web/tasks/none", body)
                #expect(unknown.status == 404 && unknown.code == "task-unknown")
            }
        }
    }

    /// A helper that stops or dies in the middle.
    @Suite(.needsFailpoints, .enabled(if: TaskUpdates.canLimit)) struct HeldTaskUpdates {
        private static let body = """
            {"resources": {"cpuShares": 300, "pids": 60, "memory": 134217728}}
            """

        /// Calls `body` with the pid of the helper that has written one of the values, and waits.
        private func withHeldHelper(
            _ body: (Daemon, Client, Plan, Answer, String, Int32) throws -> Void
        ) throws {
            try withDaemon(hasFailpoints: true) { daemon, client in
                let plan = try #require(daemon.plan)
                let limits = #""resources": {"memory": 67108864, "pids": 50}"#
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 100000", limits))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let kernel = KernelValues(daemon, pod)
                var (target, held) = (1, false)
                while !held {
                    try plan.arm(.helper, at: target, .stall)
                    let asked = try client.send("PATCH", "/v1/pods/web/tasks/app", Self.body)
                    #expect(asked.status == 202, "\(asked.reply.text)")
                    let fired = try eventuallySome("the helper waits") { plan.fired }
                    if kernel.value("cpu", "cpu.shares", "cpu.weight") != kernel.shares(nil) {
                        #expect(kernel.value("pids", "pids.max", "pids.max") == "50")
                        try body(daemon, client, plan, pod, asked.id, fired.pid)
                        held = true
                    } else {
                        // It has not written yet: the next one waits later.
                        kill(fired.pid, SIGKILL)
                        #expect(try client.follow(asked.id).state == "failed")
                    }
                    plan.disarm()
                    target += 1
                }
            }
        }

        @Test("if the helper is killed in the middle, what it has written is put back")
        func killed() throws {
            try withHeldHelper { daemon, client, plan, pod, operation, helper in
                plan.disarm()
                kill(helper, SIGKILL)
                let ended = try client.follow(operation)
                #expect(ended.state == "failed", "\(ended.reply.text)")
                #expect(ended["error", "code"]?.string == "runtime-refused")
                let kernel = KernelValues(daemon, pod)
                #expect(kernel.value("cpu", "cpu.shares", "cpu.weight") == kernel.shares(nil))
                #expect(kernel.value("pids", "pids.max", "pids.max") == "50")
                let task = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(task["resources", "pids"]?.integer == 50)
            }
        }

        @Test("a helper that hangs is shown, outlives the daemon, and ends its update for the next")
        func hangs() throws {
            try withHeldHelper { daemon, client, plan, pod, operation, helper in
                try eventually("the helper is shown") {
                    let step = try client.send("GET", "/v1/operations/\(operation)")["steps"]?
                        .elements?.first
                    return step?["detail"]?.string?.contains("pid \(helper)") == true
                }
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").took < 0.1)
                try daemon.crashAndRestart()
                let held = try client.send("GET", "/v1/operations/\(operation)")
                #expect(held.state == "running" && held["resumed"]?.integer == 1)
                plan.release()
                #expect(try client.follow(operation).state == "succeeded")
                let kernel = KernelValues(daemon, pod)
                #expect(kernel.value("cpu", "cpu.shares", "cpu.weight") == kernel.shares(300))
                #expect(kernel.value("pids", "pids.max", "pids.max") == "60")
                let task = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(task["resources", "pids"]?.integer == 60)
            }
        }

        @Test("a delete does not wait for a helper that hangs")
        func deleted() throws {
            try withHeldHelper { daemon, client, _, pod, operation, helper in
                #expect(try client.deletePod("web").state == "succeeded")
                let ended = try client.follow(operation)
                #expect(ended.state == "failed", "\(ended.reply.text)")
                #expect(!exists("/proc/\(helper)"))
                #expect(Census.cgroups(of: "\(daemon.cgroupParent)/\(pod.uid)") == [])
            }
        }
    }
}

struct BadPatch: Sendable, CustomTestStringConvertible {
    let body: String
    var status = 422
    var code = "invalid-document"
    let pointers: [String]

    var testDescription: String { body }
}

private let badPatches = [
    BadPatch(body: #"{"labels": {"a": "b"}}"#, pointers: ["/labels"]),
    BadPatch(body: #"{"args": ["x"], "none": 1}"#, pointers: ["/args", "/none"]),
    BadPatch(body: #"{"resources": 7}"#, pointers: ["/resources"]),
    BadPatch(
        body: #"{"resources": {"memory": 1, "z": 0}}"#,
        pointers: ["/resources/memory", "/resources/z"]),
    BadPatch(body: #"{"resources": {"memorySwap": 1}}"#, pointers: ["/resources/memorySwap"]),
    BadPatch(
        body: #"{"resources": {"cpus": 1, "cpuQuota": 5000}}"#,
        pointers: ["/resources/cpuQuota"]),
    BadPatch(body: #"{"resources": {"oomScoreAdj": 7}}"#, pointers: ["/resources/oomScoreAdj"]),
    BadPatch(
        body: #"{"resources": {"hugepages": {"7MB": 7340032}}}"#, code: "not-supported",
        pointers: ["/resources/hugepages/7MB"]),
    BadPatch(
        body: #"{"resources": {"cpuset": {"cpus": "x", "z": 1}}}"#,
        pointers: ["/resources/cpuset/cpus", "/resources/cpuset/z"]),
    BadPatch(
        body: #"{"resources": {"unified": {"memory.max": "1"}}}"#,
        pointers: ["/resources/unified/memory.max"]),
    BadPatch(body: #"{"restart": {"policy": "always"}}"#, pointers: ["/restart/policy"]),
    BadPatch(body: #"{"restart": {"maxRetries": -1}}"#, pointers: ["/restart/maxRetries"]),
    BadPatch(
        body: #"{"restart": {"backoff": {"initial": "x"}}}"#,
        pointers: ["/restart/backoff/initial"]),
    BadPatch(body: "[]", pointers: [""]),
    BadPatch(body: "{", status: 400, code: "malformed-json", pointers: [""]),
]

/// The limits of a pod's task as the kernel has them.
struct KernelValues {
    private let daemon: Daemon
    private let pod: String

    init(_ daemon: Daemon, _ pod: Answer) {
        self.daemon = daemon
        self.pod = pod.uid
    }

    func value(_ controller: String, _ v1: String, _ v2: String) -> String {
        cgroupValue(
            daemon, pod, controller, Controllers.areUnified ? v2 : v1, task: "app") ?? "none"
    }

    func shares(_ shares: Int64?) -> String {
        guard Controllers.areUnified else { return "\(shares ?? 1024)" }
        return shares.map { "\(1 + ($0 - 2) * 9999 / 262_142)" } ?? "100"
    }

    /// The value of the cgroup above the task's.
    func parent(_ file: String) -> String {
        if Controllers.areUnified { return "" }
        return cgroupValue(daemon, pod, "cpuset", file) ?? "none"
    }

    var all: [String] {
        let v2 = Controllers.areUnified
        return [
            value("memory", "memory.limit_in_bytes", "memory.max"),
            Controllers.limitsSwap
                ? value("memory", "memory.memsw.limit_in_bytes", "memory.swap.max") : "-",
            value("cpu", "cpu.shares", "cpu.weight"),
            value("cpu", "cpu.cfs_quota_us", "cpu.max"),
            v2 ? "-" : value("cpu", "cpu.cfs_period_us", ""),
            value("cpuset", "cpuset.cpus", "cpuset.cpus"),
            value("pids", "pids.max", "pids.max"),
        ]
    }

    /// Memory in MiB. Without `swap` the task has none beside its memory.
    static func expected(
        _ memory: Int, _ shares: Int64?, _ quota: Int, _ period: Int, _ cpus: String, _ pids: Int,
        swap: Int? = nil
    ) -> [String] {
        let v2 = Controllers.areUnified
        let both = (swap ?? memory) - (v2 ? memory : 0)
        let weight = shares.map { v2 ? 1 + ($0 - 2) * 9999 / 262_142 : $0 } ?? (v2 ? 100 : 1024)
        return [
            "\(memory << 20)", Controllers.limitsSwap ? "\(both << 20)" : "-", "\(weight)",
            v2 ? "\(quota) \(period)" : "\(quota)", v2 ? "-" : "\(period)", cpus, "\(pids)",
        ]
    }

    static func unlimited(cpus: String, pids: String) -> [String] {
        let v2 = Controllers.areUnified
        let most = v2 ? "max" : "9223372036854771712"
        return [
            most, Controllers.limitsSwap ? most : "-", v2 ? "100" : "1024",
            v2 ? "max 100000" : "-1", v2 ? "-" : "100000", cpus, pids,
        ]
    }
}
