// PATCH of a task: what it changes, what stays, and what is refused.

import JSON
import Model
import Testing

@testable import Documents

@Suite struct TaskPatchTests {
    private func patched(
        _ spec: TaskSpec, _ text: String, in pod: PodSpec = PodSpec(hostname: "h"),
        least: Int64 = -1000
    ) throws -> TaskSpec {
        let patch = try TaskPatch.decode(json(text), name: app)
        let again = try TaskPatch(text: patch.text)
        #expect(again.text == patch.text)
        let applied = try again.applied(
            to: spec, in: pod, nestsCPULimits: true, leastOOMScoreAdj: least)
        let repeated = try again.applied(to: spec)
        #expect(repeated == applied, "also without what the host and the pod say")
        return applied
    }

    private func task(_ more: String) throws -> TaskSpec {
        let text = #"{"rootfs": {"path": "/r"}, "args": ["sh"], \#(more)}"#
        return try TaskSpec.decode(json(text), name: app)
    }

    private func limits(_ text: String) throws -> TaskSpec { try task("\"resources\": \(text)") }

    private static let all = #"""
        {"memory": 8388608, "memorySwap": -1, "cpuShares": 2, "cpuQuota": 50000,
        "cpuPeriod": 20000, "cpuset": {"cpus": "0-3,6", "mems": "0"}, "pids": 7,
        "hugepages": {"2MB": 0, "1GB": 5}, "unified": {"memory.high": "max"},
        "oomScoreAdj": -997}
        """#

    @Test("members that a patch does not name stay, and null removes a limit")
    func merges() throws {
        let before = try limits(Self.all)
        var expected = before
        #expect(try patched(before, "{}") == before)
        #expect(try patched(before, #"{"resources": {}, "restart": {}}"#) == before)
        #expect(try patched(before, "{\"resources\": \(Self.all)}") == before)

        expected.resources.memorySwap = nil
        expected.resources.cpuset.cpus = nil
        expected.resources.hugepages = ["2MB": 0, "4MB": 9]
        expected.resources.unified["memory.low"] = "1"
        expected.resources.pids = nil
        let text = #"""
            {"resources": {"memorySwap": null, "cpuset": {"cpus": null}, "pids": null,
            "hugepages": {"1GB": null, "4MB": 9}, "unified": {"memory.low": "1"}}}
            """#
        #expect(try patched(before, text) == expected)
        expected.resources.cpuset = CPUSet()
        expected.resources.hugepages = [:]
        #expect(
            try patched(expected, #"{"resources": {"cpuset": null, "hugepages": null}}"#)
                == expected)
        let plain = try limits(#"{"memory": 8388608, "pids": 7}"#)
        #expect(try patched(plain, #"{"resources": null}"#) == limits("{}"))
    }

    @Test("restarts merge, too, and null is a default")
    func restarts() throws {
        let before = try task(
            #"""
            "restart": {"policy": "always", "maxRetries": 3, "backoff": {"initial": 5, "max": 9}}
            """#)
        let one = try patched(before, #"{"restart": {"backoff": {"initial": 0.2}}}"#).restart
        #expect(
            one
                == RestartSpec(
                    policy: .always, maxRetries: 3, initialBackoff: 200, maxBackoff: 9000))
        let two = try patched(
            before, #"{"restart": {"policy": "on-failure", "maxRetries": null, "backoff": null}}"#)
        #expect(two.restart == RestartSpec(policy: .onFailure))
        #expect(
            places { _ = try patched(before, #"{"restart": null}"#) } == ["/restart/policy"])
        #expect(
            places { _ = try patched(before, #"{"restart": {"policy": "never"}}"#) }
                == ["/restart/policy"])
        let never = try task(#""restart": {}"#)
        #expect(try patched(never, #"{"restart": null}"#) == never)
        for text in [#"{"policy": "always"}"#, #"{"maxRetries": 1}"#, #"{"backoff": {"max": 1}}"#] {
            #expect(
                places { _ = try patched(never, "{\"restart\": \(text)}") } == ["/restart/policy"])
        }
    }

    @Test("a task that is restarted when it is unhealthy may get any policy, and its health stays")
    func unhealthyRestarts() throws {
        let before = try task(#""health": {"tcp": {"port": 1}, "onFailure": "restart"}"#)
        let always = try patched(before, #"{"restart": {"policy": "always"}}"#)
        #expect(always.restart.policy == .always && always.health == before.health)
        #expect(try patched(always, #"{"restart": null}"#) == before)
        #expect(
            places { _ = try patched(before, #"{"health": {"retries": 1}}"#) } == ["/health"])
    }

    @Test("what a task cannot become is refused by its place")
    func contradicts() throws {
        let before = try limits(Self.all)
        func refused(_ text: String) -> [String] {
            places { _ = try patched(before, "{\"resources\": \(text)}") }
        }
        #expect(refused(#"{"memory": null}"#) == ["/resources/memorySwap"])
        #expect(
            refused(#"{"cpus": 1}"#) == ["/resources/cpuQuota", "/resources/cpuPeriod"])
        #expect(try patched(before, #"{"resources": {"oomScoreAdj": -997}}"#) == before)
        #expect(refused(#"{"oomScoreAdj": null}"#) == ["/resources/oomScoreAdj"])
        #expect(
            refused(#"{"unified": {"memory.high": null}}"#)
                == ["/resources/unified/memory.high"])
        #expect(
            refused("null") == ["/resources/oomScoreAdj", "/resources/unified/memory.high"])
        let many = (0..<64).map { "\"io.x\($0)\": \"1\"" }.joined(separator: ", ")
        #expect(refused("{\"unified\": {\(many)}}") == ["/resources/unified"])
        var pod = PodSpec(hostname: "h")
        pod.resources.milliCPUs = 2000
        let quota = #"{"resources": {"cpuQuota": 60000}}"#
        #expect(
            places { _ = try patched(before, quota, in: pod) } == ["/resources/cpuQuota"])
    }

    @Test("a value below what the daemon may set is raised, as in a PUT")
    func raised() throws {
        var before = try limits(#"{"oomScoreAdj": -997}"#)
        before.resources.oomScoreAdj = -500
        let text = #"{"resources": {"oomScoreAdj": -997, "pids": 9}}"#
        #expect(try patched(before, text, least: -500).resources.oomScoreAdj == -500)
        #expect(
            places { _ = try patched(before, text, least: -600) } == ["/resources/oomScoreAdj"])
    }

    @Test("all faults of a body are told, before the task is looked at")
    func faults() {
        let text = #"""
            {"args": [], "labels": {}, "x": 1, "resources": {"memory": 1, "pids": 0, "y": 2,
            "cpuset": {"cpus": "x"}, "hugepages": {"2MB": "a", "x": null}, "unified": 7},
            "restart": {"policy": "x", "backoff": {"initial": -1, "z": 3}}}
            """#
        #expect(
            places { _ = try TaskPatch.decode(json(text), name: app) } == [
                "/labels", "/args", "/resources/memory", "/resources/cpuset/cpus",
                "/resources/pids", "/resources/hugepages/2MB", "/resources/unified",
                "/resources/y", "/restart/policy", "/restart/backoff/initial",
                "/restart/backoff/z", "/x",
            ])
        #expect(throws: RecordFault.self) { try TaskPatch(text: "{") }
    }
}
