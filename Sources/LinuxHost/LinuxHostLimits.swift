// The files of a pod's own limits, on the cgroup that contains all its tasks.

import Bytes
import Host
import Kernel
import Linux
import Model

/// One control file and its wanted content.
struct PodLimit {
    let file: String
    let text: String
    let isSet: Bool

    /// Microseconds.
    private static let period = 100_000

    static func all(_ resources: Resources, _ hierarchy: CgroupHierarchy) -> [PodLimit] {
        if hierarchy.isUnified { return hybrid(hierarchy) ? [] : unified(resources) }
        var limits: [PodLimit] = []
        if hierarchy.has("memory") {
            limits.append(PodLimit("memory.limit_in_bytes", resources.memory, none: "-1"))
        }
        if hierarchy.has("cpu") {
            let quota = resources.milliCPUs.map { $0 * Int64(period) / 1000 }
            limits.append(PodLimit("cpu.cfs_quota_us", quota, none: "-1"))
        }
        if hierarchy.has("pids") {
            limits.append(PodLimit("pids.max", resources.pids, none: "max"))
        }
        return limits
    }

    /// Whether the unified hierarchy exists beside v1, and so has no controllers to limit with.
    private static func hybrid(_ hierarchy: CgroupHierarchy) -> Bool {
        do {
            let text = try Files.text(hierarchy.mountPoint + "/cgroup.controllers")
            return !text.upTo("\n").fields(" ").contains("memory")
        } catch { return true }
    }

    private static func unified(_ resources: Resources) -> [PodLimit] {
        let quota = resources.milliCPUs.map { "\($0 * Int64(period) / 1000) \(period)" }
        return [
            PodLimit("memory.max", resources.memory, none: "max"),
            PodLimit(file: "cpu.max", text: quota ?? "max \(period)", isSet: quota != nil),
            PodLimit("pids.max", resources.pids, none: "max"),
        ]
    }

    private init(file: String, text: String, isSet: Bool) {
        self.file = file
        self.text = text
        self.isSet = isSet
    }

    private init(_ file: String, _ value: Int64?, none: String) {
        self.init(file: file, text: value.map { "\($0)" } ?? none, isSet: value != nil)
    }
}
