// What a host cannot do for a task, on hosts that this machine is not.

import Documents
import Host
import JSON
import Model
import Simulation
import Testing

@testable import Engine

/// A host, a task, and the places at which the task is refused there.
struct HostCheck: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let host: @Sendable (inout HostInfo) -> Void
    let task: @Sendable (inout TaskSpec) -> Void
    var places: [String] = []

    static let all = [
        HostCheck(
            testDescription: "AppArmor is off", host: { $0.hasAppArmor = false },
            task: { $0.security.apparmor = "p" }, places: ["/apparmor"]),
        HostCheck(
            testDescription: "AppArmor is on", host: { $0.hasAppArmor = true },
            task: { $0.security.apparmor = "p" }),
        HostCheck(
            testDescription: "nothing is confined anyway", host: { $0.hasAppArmor = false },
            task: { $0.security.apparmor = "unconfined" }),
        HostCheck(
            testDescription: "a hard limit", host: { $0.hardLimits = ["RLIMIT_AS": 5] },
            task: {
                $0.security.rlimits = ["RLIMIT_CPU", "RLIMIT_AS"].map {
                    ProcessLimit(type: $0, soft: 1, hard: 6)
                }
            }, places: ["/rlimits/1/hard"]),
        HostCheck(
            testDescription: "a capability", host: { $0.withheldCapabilities = ["BPF"] },
            task: {
                $0.addCapabilities = ["ALL", "BPF"]
                $0.security.ambientCapabilities = ["BPF"]
            }, places: ["/capabilities/add/1", "/capabilities/ambient/0"]),
        HostCheck(
            testDescription: "no accounting of swap", host: { $0.limitsSwap = false },
            task: {
                $0.resources.memory = 1
                $0.resources.memorySwap = 2
            }, places: ["/resources/memorySwap"]),
        HostCheck(
            testDescription: "no swap to limit", host: { $0.limitsSwap = false },
            task: {
                $0.resources.memory = 1
                $0.resources.memorySwap = 1
            }),
        HostCheck(
            testDescription: "sizes of pages", host: { $0.hugepageSizes = ["2MB"] },
            task: { $0.resources.hugepages = ["2MB": 1, "1GB": 1, "64KB": 0] },
            places: ["/resources/hugepages/1GB"]),
        HostCheck(
            testDescription: "a hybrid host", host: { $0.cgroup = "hybrid" },
            task: { $0.resources.unified = ["memory.high": "1"] },
            places: ["/resources/unified"]),
        HostCheck(
            testDescription: "cgroup v2", host: { $0.cgroup = "v2" },
            task: { $0.resources.unified = ["memory.high": "1"] }),
    ]
}

extension Simulated {
    @Suite struct HostCheckTests {
        let stage: Stage

        init() throws { stage = try Stage() }

        private func spec(_ change: (inout TaskSpec) -> Void) -> TaskSpec {
            var task = TaskSpec(name: label("app"), rootfs: "/r", args: ["x"])
            change(&task)
            return task
        }

        @Test(
            "a pod and a task are refused by the place of what the host cannot do",
            arguments: HostCheck.all)
        func refused(check: HostCheck) throws {
            let ready = try stage.makePod("ready")
            stage.host.assume(check.host)
            let task = spec(check.task)
            let pod = stage.ask { () throws(Refusal) in
                try stage.engine.createPod(
                    label("web"), PodSpec(hostname: "web", tasks: [task]), stage.context())
            }
            let more = stage.ask { () throws(Refusal) in
                try stage.engine.createTask(ready.name, task, stage.context())
            }
            for (answer, prefix) in [(pod, "/tasks/app"), (more, "")] {
                var places: [String] = []
                if case .documentFaults(let faults)? = answer.refusal {
                    places = faults.faults.map(\.pointer.text)
                    #expect(faults.code == .notSupported)
                }
                #expect(places == check.places.map { prefix + $0 })
            }
        }

        @Test("an oom_score_adj is raised to what the daemon may set, before it is compared")
        func outOfMemory() throws {
            stage.host.assume { $0.leastOOMScoreAdj = -5 }
            for asked in [Int64(-997), -5] {
                let task = spec { $0.resources.oomScoreAdj = asked }
                let answer = stage.ask { () throws(Refusal) in
                    try stage.engine.createPod(
                        label("web"), PodSpec(hostname: "web", tasks: [task]), stage.context())
                }
                #expect(answer.refusal == nil)
            }
            let pod = stage.engine.pod(label("web"))
            #expect(pod?.tasks.first?.spec.resources.oomScoreAdj == -5)
        }
    }
}
