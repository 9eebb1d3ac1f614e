// The control files that change when the limits of a living task change.

import JSON
import Kernel
import Model
import Testing

@testable import OCI

@Suite struct ControlFileTests {
    private static let swapping = HostTraits(cgroupNamespace: false, limitsSwap: true)

    private func limits(_ change: (inout TaskResources) -> Void) -> TaskResources {
        var limits = TaskResources()
        change(&limits)
        return limits
    }

    /// `FILE=TEXT`, in the order of the writes; `?` if the file may be missing.
    private func writes(
        _ old: TaskResources, _ new: TaskResources, _ host: HostTraits = swapping, v2: Bool = false
    ) -> [String] {
        RuntimeSpec.writes(from: old, to: new, host, isUnified: v2).map { write in
            let text = write.isInherited ? "(parent's)" : write.text
            return "\(write.file)=\(text)\(write.isNeeded ? "" : "?")"
        }
    }

    private func memory(_ memory: Int64?, _ swap: Int64? = nil) -> TaskResources {
        limits {
            $0.memory = memory
            $0.memorySwap = swap
        }
    }

    @Test("v1's limit of memory is never above that of memory and swap")
    func memoryOfV1() {
        let (limit, both) = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        #expect(writes(memory(100), memory(200)) == ["\(both)=200", "\(limit)=200"])
        #expect(writes(memory(200), memory(100)) == ["\(limit)=100", "\(both)=100"])
        #expect(writes(memory(100, 300), memory(200, 250)) == ["\(limit)=200", "\(both)=250"])
        #expect(writes(memory(200, 250), memory(100, 300)) == ["\(both)=300", "\(limit)=100"])
        #expect(writes(memory(100), memory(nil)) == ["\(both)=-1?", "\(limit)=-1?"])
        #expect(writes(memory(nil), memory(100)) == ["\(limit)=100", "\(both)=100"])
        #expect(writes(memory(100), memory(100, -1)) == ["\(both)=-1"])
        #expect(writes(memory(100, -1), memory(50, -1)) == ["\(limit)=50"])
        let plain = HostTraits(cgroupNamespace: false, limitsSwap: false)
        #expect(writes(memory(100), memory(200), plain) == ["\(limit)=200"])
    }

    @Test("v2's limit of swap is without the memory")
    func memoryOfV2() {
        #expect(
            writes(memory(100), memory(200, 300), v2: true)
                == ["memory.swap.max=100", "memory.max=200"])
        #expect(writes(memory(100), memory(50), v2: true) == ["memory.max=50"])
        #expect(
            writes(memory(100, 150), memory(nil), v2: true)
                == ["memory.swap.max=max?", "memory.max=max?"])
        #expect(writes(memory(100), memory(100, -1), v2: true) == ["memory.swap.max=max"])
    }

    private func quota(_ quota: Int64?, _ period: Int64?) -> TaskResources {
        limits {
            $0.cpuQuota = quota
            $0.cpuPeriod = period
        }
    }

    @Test("v1's quota is in between never above the old and the new one")
    func quotas() {
        let (quota, period) = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        #expect(
            writes(self.quota(50, 100), self.quota(10, 20)) == ["\(quota)=10", "\(period)=20"])
        #expect(
            writes(self.quota(10, 20), self.quota(50, 100)) == ["\(period)=100", "\(quota)=50"])
        #expect(writes(self.quota(10, nil), self.quota(20, nil)) == ["\(quota)=20"])
        #expect(
            writes(self.quota(10, 20), self.quota(nil, nil))
                == ["\(period)=100000?", "\(quota)=-1?"])
        #expect(writes(self.quota(nil, nil), self.quota(-1, nil)) == [])
        #expect(writes(limits { $0.milliCPUs = 500 }, self.quota(50_000, 100_000)) == [])
        #expect(
            writes(self.quota(10, 20), limits { $0.milliCPUs = 500 }, v2: true)
                == ["cpu.max=50000 100000"])
        #expect(
            writes(self.quota(10, 20), self.quota(nil, nil), v2: true)
                == ["cpu.max=max 100000?"])
    }

    @Test("the runtime makes the same weights of shares")
    func weights() {
        func weight(_ shares: Int64?) -> [String] {
            writes(limits { $0.cpuShares = 7 }, limits { $0.cpuShares = shares }, v2: true)
        }
        #expect(weight(2) == ["cpu.weight=1"])
        #expect(weight(512) == ["cpu.weight=20"])
        #expect(weight(1024) == ["cpu.weight=39"])
        #expect(weight(262_144) == ["cpu.weight=10000"])
        #expect(weight(nil) == ["cpu.weight=100?"])
        #expect(
            writes(limits { $0.cpuShares = 7 }, TaskResources()) == ["cpu.shares=1024?"])
    }

    @Test("the memory comes last, and each write names its member")
    func order() {
        var host = Self.swapping
        host.hugepageSizes = ["2MB"]
        let old = limits {
            $0.cpuset = CPUSet(cpus: "0", mems: "0")
            $0.hugepages = ["2MB": 5, "1GB": 0]
        }
        let new = limits {
            $0.memory = 9
            $0.milliCPUs = 100
            $0.cpuShares = 3
            $0.cpuset = CPUSet(cpus: "1")
            $0.pids = 4
        }
        #expect(
            writes(old, new, host) == [
                "cpuset.cpus=1", "cpuset.mems=(parent's)?", "cpu.shares=3",
                "cpu.cfs_quota_us=10000",
                "pids.max=4", "hugetlb.2MB.limit_in_bytes=-1?", "memory.limit_in_bytes=9",
                "memory.memsw.limit_in_bytes=9",
            ])
        let members = RuntimeSpec.writes(from: old, to: new, host, isUnified: false).map(\.member)
        #expect(
            members == [
                "/resources/cpuset/cpus", "/resources/cpuset/mems", "/resources/cpuShares",
                "/resources/cpus", "/resources/pids", "/resources/hugepages/2MB",
                "/resources/memory", "/resources/memory",
            ])
        var unified = new
        unified.unified = ["memory.high": "7", "io.weight": "3"]
        #expect(
            writes(old, unified, host, v2: true) == [
                "cpuset.cpus=1", "cpuset.mems=\n?", "cpu.weight=1", "cpu.max=10000 100000",
                "pids.max=4", "hugetlb.2MB.max=max?", "io.weight=3", "memory.high=7",
                "memory.swap.max=0", "memory.max=9",
            ])
        #expect(writes(new, new, host) == [])
    }

    private func document(_ resources: TaskResources) throws -> [UInt8] {
        let spec = try task {
            $0.resources = resources
            // The same names and quotes where they mean nothing, and a number beyond 63 bits.
            $0.env = ["linux": "\"resources\":{\\\"", "resources": "}]{[,\"devices\":[1]"]
            $0.security.rlimits = [
                ProcessLimit(type: "RLIMIT_CORE", soft: .max, hard: .max)
            ]
        }
        return RuntimeSpec.document(
            for: spec, in: PodSpec(hostname: "h"), PodFolders(run: "/pod", data: "/data"),
            ids: root, rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/s", seccomp: nil,
            host: Self.swapping)
    }

    @Test("a document with replaced limits is the document of a task with these limits")
    func replaced() throws {
        let all = [
            TaskResources(), memory(100, 200), quota(10, 20),
            limits {
                $0.pids = 7
                $0.unified = ["memory.high": "1"]
            },
        ]
        for old in all {
            for new in all {
                let replaced = RuntimeSpec.replacing(
                    resources: new, Self.swapping, in: try document(old))
                let expected = try document(new)
                #expect(replaced == expected)
            }
        }
    }

    @Test("what is no document of ours is not replaced, and may be cut anywhere")
    func foreign() throws {
        let whole = try document(memory(100))
        for count in 0..<whole.count {
            let cut = Array(whole.prefix(count))
            let replaced = RuntimeSpec.replacing(resources: memory(9), Self.swapping, in: cut)
            #expect(replaced == nil || count > whole.count / 2)
        }
        for text in ["", "{}", "[]", "7", #"{"linux":{}}"#, #"{"linux":{"resources":{}}}"#] {
            let replaced = RuntimeSpec.replacing(
                resources: memory(9), Self.swapping, in: Array(text.utf8))
            #expect(replaced == nil)
        }
    }
}
