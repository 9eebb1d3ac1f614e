// A pod's own limits, on the cgroup that holds all its tasks.

import Documents
import Linux
import Model

extension PodOwner {
    /// Writes the limits; `lifting` also takes away those that are not set.
    func limitPod(_ resources: Resources, lifting: Bool = false) throws(Failure) {
        let path = engine.layout.workload(uid)
        do throws(SystemCallFailure) {
            for hierarchy in engine.host.hierarchies {
                for limit in PodLimit.all(resources, hierarchy) where limit.isSet || lifting {
                    let directory = hierarchy.directory(path)
                    if hierarchy.isUnified { try delegate(hierarchy, path) }
                    try Files.makeDirectories(directory, mode: 0o755)
                    try Files.poke("\(directory)/\(limit.file)", limit.text)
                }
            }
        } catch { throw Failure(.runtimeRefused, "\(error)", step: .resourcesUpdate) }
    }

    /// v2: a controller is there for a cgroup only where every one above hands it down
    /// (cgroup.subtree_control in the kernel's cgroup-v2 document).
    private func delegate(
        _ hierarchy: CgroupHierarchy, _ path: String
    ) throws(SystemCallFailure) {
        var directory = hierarchy.mountPoint
        for name in path.split(separator: "/") {
            try Files.poke(directory + "/cgroup.subtree_control", "+memory +cpu +pids")
            directory += "/\(name)"
            try Files.makeDirectories(directory, mode: 0o755)
        }
    }
}

/// One file and what is to stand in it.
private struct PodLimit {
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

    /// Beside v1 the unified hierarchy has no controllers of its own to limit with.
    private static func hybrid(_ hierarchy: CgroupHierarchy) -> Bool {
        do {
            let text = try Files.text(hierarchy.mountPoint + "/cgroup.controllers")
            return !text.split(separator: " ").contains { $0 == "memory" }
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
