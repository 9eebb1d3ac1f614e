// What a task's output costs other pods.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon, .enabled(if: exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")))
    struct Output {
        @Test("a task's flood is written inside the pod's cgroup, with the task's limit of CPU")
        func flood() throws {
            try withDaemon { daemon, client in
                let limit = #""resources": {"cpus": 0.3}"#
                let pod = try client.createPod("web", daemon.rootfs.pod("exec yes", limit))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let cpu = "/sys/fs/cgroup/cpu\(daemon.cgroupParent)/\(pod.uid)/pod/log-app"
                try eventually("the writer is in the cgroup") {
                    !(text(of: cpu + "/cgroup.procs") ?? "").isEmpty
                }
                // It has the limit a moment after it joined.
                try eventually("the writer has the task's limit") {
                    text(of: cpu + "/cpu.cfs_quota_us") == "30000\n"
                }
                let used = cpu.replacing("/cgroup/cpu/", with: "/cgroup/cpuacct/")
                let usage = used + "/cpuacct.usage"
                try eventually("the writer has worked for a second") {
                    (Int(text(of: usage)?.dropLast() ?? "") ?? 0) > 1_000_000_000
                }
                let writer = Double(Int(text(of: usage)?.dropLast() ?? "") ?? 0) / 1e9
                let shim = try cpuSeconds(of: pod.shimPID)
                #expect(shim < writer / 2, "the shim used \(shim) s, the writer \(writer) s")
                let rest = try client.send(
                    "DELETE", "/v1/pods/web/tasks/app?grace=0", headers: ["Prefer": "wait=60"])
                #expect(rest.state == "succeeded")
                #expect(!exists(cpu))
            }
        }

        /// User and system time, in ticks of 10 ms.
        private func cpuSeconds(of pid: Int32) throws -> Double {
            let stat = try #require(text(of: "/proc/\(pid)/stat"))
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }
            return ticks.reduce(0, +) / 100
        }
    }
}
