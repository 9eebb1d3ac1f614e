// The limits of a task: in requests, in documents, and in contradictions.

import JSON
import Model
import Testing

@testable import Documents

@Suite struct TaskResourceTests {
    private func task(_ resources: String) throws -> TaskSpec {
        let text = #"{"rootfs": {"path": "/r"}, "args": ["sh"], "resources": \#(resources)}"#
        return try TaskSpec.decode(json(text), name: app)
    }

    @Test("every limit is read")
    func read() throws {
        let resources = try task(
            #"""
            {"memory": 8388608, "memorySwap": -1, "cpuShares": 2, "cpuQuota": 50000,
            "cpuPeriod": 20000, "cpuset": {"cpus": "0-3,6", "mems": "0"}, "pids": null,
            "hugepages": {"2MB": 0, "1GB": 1073741824}, "unified": {"memory.high": "max"},
            "oomScoreAdj": -997}
            """#
        ).resources
        var expected = TaskResources(memory: 8_388_608)
        expected.memorySwap = -1
        expected.cpuShares = 2
        expected.cpuQuota = 50_000
        expected.cpuPeriod = 20_000
        expected.cpuset = CPUSet(cpus: "0-3,6", mems: "0")
        expected.hugepages = ["2MB": 0, "1GB": 1 << 30]
        expected.unified = ["memory.high": "max"]
        expected.oomScoreAdj = -997
        #expect(resources == expected)
        #expect(resources.limitInMilliCPUs == 2500)
        #expect(try task("{}").resources == TaskResources(pids: 4096))
        #expect(try task(#"{"cpuset": {}, "unified": {}, "hugepages": {}}"#) == task("{}"))
    }

    @Test("no limit of processes is shown as null, and stays so in a record")
    func pids() throws {
        let spec = try task(#"{"pids": null}"#)
        let task = PodTask(uid: uid, spec: spec, state: .creating, revision: 1, createdAt: noon)
        #expect(try json(task)["resources"]?["pids"] == .null)
        var pod = Pod(
            uid: uid, name: web, spec: PodSpec(hostname: "h"), state: .ready, revision: 1,
            createdAt: noon, tasks: [task])
        pod.spec.tasks = [spec]
        #expect(try Pod(record: pod.record()) == pod)
        #expect(try Pod(record: pod.record()).tasks.first?.spec.resources.pids == nil)
    }

    @Test(
        "each fault has its place",
        arguments: [
            ("[]", [""]), (#"{"memory": 1}"#, ["/memory"]), (#"{"pids": 0}"#, ["/pids"]),
            (#"{"memorySwap": -2}"#, ["/memorySwap"]), (#"{"cpuShares": 1}"#, ["/cpuShares"]),
            (#"{"cpuShares": 262145}"#, ["/cpuShares"]), (#"{"cpuQuota": 999}"#, ["/cpuQuota"]),
            (#"{"cpuQuota": -2}"#, ["/cpuQuota"]), (#"{"cpuQuota": "x"}"#, ["/cpuQuota"]),
            (#"{"cpuPeriod": 999}"#, ["/cpuPeriod"]),
            (#"{"cpuPeriod": 1000001}"#, ["/cpuPeriod"]),
            (#"{"cpuset": "0"}"#, ["/cpuset"]), (#"{"cpuset": {"cpus": 0}}"#, ["/cpuset/cpus"]),
            (#"{"cpuset": {"cpus": "", "mems": "1-0"}}"#, ["/cpuset/cpus", "/cpuset/mems"]),
            (#"{"cpuset": {"cpus": "0,", "mems": "a"}}"#, ["/cpuset/cpus", "/cpuset/mems"]),
            (#"{"cpuset": {"cpus": "-1", "x": "1-2-3"}}"#, ["/cpuset/cpus", "/cpuset/x"]),
            (#"{"cpuset": {"cpus": "0 1", "mems": "65536"}}"#, ["/cpuset/cpus", "/cpuset/mems"]),
            (#"{"hugepages": [1]}"#, ["/hugepages"]),
            (
                #"{"hugepages": {"2mb": 0, "MB": 0, "02MB": 0, "2TB": 0, "2MB": -1}}"#,
                ["2mb", "MB", "02MB", "2TB", "2MB"].map { "/hugepages/\($0)" }
            ),
            (#"{"unified": 1}"#, ["/unified"]),
            (
                #"""
                {"unified": {"high": "1", "../x.y": "1", "memory.max": "1", "cgroup.procs": "1",
                "cpu.weight": "1", "io.max": 1, "Memory.high": "1", "a..b": "1"}}
                """#,
                [
                    "high", "..~1x.y", "memory.max", "cgroup.procs", "cpu.weight", "io.max",
                    "Memory.high", "a..b",
                ].map { "/unified/\($0)" }
            ),
            (#"{"oomScoreAdj": -1001}"#, ["/oomScoreAdj"]),
            (#"{"oomScoreAdj": 1001}"#, ["/oomScoreAdj"]), (#"{"swap": 1}"#, ["/swap"]),
        ] as [(String, [String])])
    func badMembers(resources: String, expected: [String]) {
        #expect(places { _ = try task(resources) } == expected.map { "/resources" + $0 })
    }

    @Test(
        "limits that contradict each other are refused",
        arguments: [
            (#"{"memorySwap": 8388608}"#, ["/memorySwap"]),
            (#"{"memory": 8388608, "memorySwap": 8388607}"#, ["/memorySwap"]),
            (#"{"memory": 8388608, "memorySwap": 8388608}"#, []),
            (#"{"memory": 8388608, "memorySwap": -1}"#, []),
            (#"{"cpus": 1, "cpuQuota": 1000}"#, ["/cpuQuota"]),
            (#"{"cpus": 1, "cpuQuota": -1, "cpuPeriod": 1000}"#, ["/cpuQuota", "/cpuPeriod"]),
            (#"{"cpuPeriod": 1000}"#, []), (#"{"cpus": 1, "cpuShares": 7}"#, []),
        ] as [(String, [String])])
    func contradictions(resources: String, expected: [String]) throws {
        let faults = try task(resources).faults(
            in: PodSpec(hostname: "h"), at: .root, nestsCPULimits: true)
        #expect(faults.map(\.pointer.text) == expected.map { "/resources" + $0 })
    }

    @Test("each limit is part of the comparison, and a pod has none of the new ones")
    func differences() throws {
        let old = try task("{}")
        for (resources, place) in [
            (#"{"memorySwap": -1}"#, "memorySwap"), (#"{"cpuShares": 7}"#, "cpuShares"),
            (#"{"cpuQuota": -1}"#, "cpuQuota"), (#"{"cpuPeriod": 1000}"#, "cpuPeriod"),
            (#"{"cpuset": {"mems": "0"}}"#, "cpuset"), (#"{"pids": null}"#, "pids"),
            (#"{"hugepages": {"2MB": 0}}"#, "hugepages"), (#"{"oomScoreAdj": 0}"#, "oomScoreAdj"),
            (#"{"unified": {"memory.low": "1"}}"#, "unified"),
        ] {
            #expect(
                try task(resources).differences(from: old).map(\.pointer.text) == [
                    "/resources/\(place)"
                ])
            let pod = #"{"resources": \#(resources)}"#
            #expect(places { _ = try PodSpec.decode(json(pod), name: web) }.count == 1)
            #expect(place == "pids" || !places { _ = try PodPatch.decode(json(pod)) }.isEmpty)
        }
    }
}
