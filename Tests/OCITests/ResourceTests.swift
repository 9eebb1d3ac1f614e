// The limits of a task in the runtime's document.

import JSON
import Kernel
import Model
import Testing

@testable import OCI

@Suite struct ResourceTests {
    private func document(
        _ host: HostTraits = plainHost, _ change: (inout TaskResources) -> Void
    ) throws -> JSONValue {
        let spec = try task { change(&$0.resources) }
        return try parsed(
            RuntimeSpec.document(
                for: spec, in: PodSpec(hostname: "h"), PodFolders(run: "/pod", data: "/data"),
                ids: root, rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/s", seccomp: nil,
                host: host))
    }

    private func resources(
        _ host: HostTraits = plainHost, _ change: (inout TaskResources) -> Void
    ) throws -> JSONValue? { try document(host, change)["linux"]?["resources"] }

    @Test("weights, quotas and sets are the runtime's")
    func cpu() throws {
        let cpu = try resources {
            $0.cpuShares = 512
            $0.cpuQuota = -1
            $0.cpuPeriod = 20_000
            $0.cpuset = CPUSet(cpus: "0-1", mems: "0")
        }
        #expect(
            cpu?["cpu"] == [
                "shares": 512, "quota": -1, "period": 20_000, "cpus": "0-1", "mems": "0",
            ])
        #expect(try resources { $0.cpuset.mems = "0" }?["cpu"] == ["mems": "0"])
        #expect(try resources { _ in }?["cpu"] == nil)
    }

    @Test("swap is limited only where the kernel accounts it")
    func swap() throws {
        func memory(_ host: HostTraits) throws -> JSONValue? {
            try resources(host) {
                $0.memory = 8_388_608
                $0.memorySwap = -1
            }?["memory"]
        }
        #expect(try memory(plainHost) == ["limit": 8_388_608, "swap": -1])
        var host = plainHost
        host.limitsSwap = false
        #expect(try memory(host) == ["limit": 8_388_608])
    }

    @Test("no limit of processes is none, and pages of a size that cannot be limited are left out")
    func others() throws {
        var host = plainHost
        host.hugepageSizes = ["2MB"]
        let found = try resources(host) {
            $0.pids = nil
            $0.hugepages = ["2MB": 4096, "1GB": 0]
            $0.unified = ["memory.high": "max"]
        }
        #expect(found?["pids"] == nil)
        #expect(found?["hugepageLimits"] == [["pageSize": "2MB", "limit": 4096]])
        #expect(found?["unified"] == ["memory.high": "max"])
        #expect(try resources { $0.hugepages = ["2MB": 0] }?["hugepageLimits"] == nil)
    }

    @Test("a task's own oom_score_adj replaces that of a spared daemon")
    func outOfMemory() throws {
        var host = plainHost
        host.isSparedFromOOM = true
        #expect(
            try document(host) { $0.oomScoreAdj = -5 }["process"]?["oomScoreAdj"]?.integer == -5)
        #expect(
            try document { $0.oomScoreAdj = 1000 }["process"]?["oomScoreAdj"]?.integer == 1000)
    }
}
