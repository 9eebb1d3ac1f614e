import Documents
import JSON
import Model
import Testing

/// CPU limits of a pod and its tasks. The kernel refuses a task's limit above its pod's.
@Suite struct LimitTests {
    private func pod(_ cpus: Int64?, tasks: [(String, Int64?)]) -> PodSpec {
        PodSpec(
            hostname: "web", resources: Resources(milliCPUs: cpus),
            tasks: tasks.compactMap { name, cpus in
                Label(name).map {
                    TaskSpec(
                        name: $0, rootfs: "/r", args: ["x"],
                        resources: TaskResources(memory: 1 << 40, milliCPUs: cpus, pids: 4096))
                }
            })
    }

    private func faults(_ resources: String, nests: Bool = true) throws -> [DocumentFault] {
        let task = #""rootfs": {"path": "/r"}, "args": ["x"]"#
        let body = """
            {\(resources)"tasks": {
              "a": {\(task), "resources": {"cpus": 1.5, "memory": 1099511627776}},
              "b": {\(task), "resources": {"cpus": 1.501}}, "c": {\(task)},
              "d": {\(task), "resources": {"cpus": 2}}}}
            """
        let value = try JSONValue.parse(Array(body.utf8))
        let name = try #require(Label("web"))
        do {
            _ = try PodSpec.decode(value, name: name, nestsCPULimits: nests)
            return []
        } catch { return error.faults }
    }

    @Test func eachTaskOverThePodIsTold() throws {
        let told = try faults(#""resources": {"cpus": 1.5, "memory": 67108864}, "#)
        #expect(told.map(\.pointer.text) == ["/tasks/b/resources/cpus", "/tasks/d/resources/cpus"])
        #expect(
            told.last?.detail
                == "must be at most 1.5, because its pod has as many and this host has cgroup v1; "
                + "and is 2")
        #expect(told.allSatisfy { !$0.isNotSupported })
        #expect(try faults("") == [])
        #expect(try faults(#""resources": {"cpus": 1.5}, "#, nests: false) == [])
    }

    @Test func aQuotaOverThePodIsTold() throws {
        var spec = TaskSpec(name: app, rootfs: "/r", args: ["x"])
        spec.resources.cpuQuota = 30_001
        spec.resources.cpuPeriod = 20_000
        let faults = spec.faults(in: pod(1500, tasks: []), at: .root, nestsCPULimits: true)
        #expect(faults.map(\.pointer.text) == ["/resources/cpuQuota"])
        #expect(faults.first?.detail.hasPrefix("must give at most 1.5 CPUs, ") == true)
        #expect(spec.faults(in: pod(1501, tasks: []), at: .root, nestsCPULimits: true) == [])
        spec.resources.cpuQuota = -1
        #expect(spec.faults(in: pod(10, tasks: []), at: .root, nestsCPULimits: true) == [])
    }

    @Test func itIsToldWithWhatElseIsWrong() throws {
        let told = try faults(#""colour": 1, "resources": {"cpus": 1.8}, "#)
        #expect(told.map(\.pointer.text).sorted() == ["/colour", "/tasks/d/resources/cpus"])
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
