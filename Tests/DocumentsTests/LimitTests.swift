import Documents
import JSON
import Model
import Testing

/// CPU limits of a pod and its tasks, where the kernel refuses a task's above its pod's.
@Suite struct LimitTests {
    private func pod(_ cpus: Int64?, tasks: [(String, Int64?)]) -> PodSpec {
        PodSpec(
            hostname: "web", resources: Resources(milliCPUs: cpus),
            tasks: tasks.compactMap { name, cpus in
                Label(name).map {
                    TaskSpec(
                        name: $0, rootfs: "/r", args: ["x"],
                        resources: Resources(memory: 1 << 40, milliCPUs: cpus, pids: 4096))
                }
            })
    }

    @Test func eachTaskOverThePodIsTold() {
        let spec = pod(1500, tasks: [("a", 1500), ("b", 1501), ("c", nil), ("d", 2000)])
        let faults = spec.tasksOverLimit
        #expect(
            faults.map(\.pointer.text) == ["/tasks/b/resources/cpus", "/tasks/d/resources/cpus"])
        #expect(
            faults.last?.detail
                == "must be at most 1.5, because its pod has as many and this host has cgroup v1; "
                + "and is 2")
        #expect(faults.allSatisfy { !$0.isNotSupported })
        #expect(pod(nil, tasks: [("a", 1_024_000)]).tasksOverLimit == [])
    }

    @Test func aPodBelowItsLargestTaskIsTold() {
        let fault = pod(500, tasks: [("a", 400), ("b", 2000), ("c", nil)]).limitBelowTasks
        #expect(fault?.pointer.text == "/resources/cpus")
        #expect(
            fault?.detail
                == "must be at least 2, because the task 'b' has as many and this host has cgroup "
                + "v1; and is 0.5")
        #expect(pod(2000, tasks: [("b", 2000)]).limitBelowTasks == nil)
        #expect(pod(nil, tasks: [("b", 2000)]).limitBelowTasks == nil)
        #expect(pod(10, tasks: [("c", nil)]).limitBelowTasks == nil)
    }
}
