// The limits of a task: `linux.resources` (runtime-spec, config-linux.md).

import JSON
import Model

/// The limits as the runtime and the kernel get them; `nil` for none.
struct KernelLimits: Equatable {
    let memory: Int64?
    /// Memory and swap together; -1 for as much swap as there is.
    let swap: Int64?
    let shares: Int64?
    let quota: Int64?
    let period: Int64?
    let cpuset: CPUSet
    let pids: Int64?
    /// In bytes, by page size.
    let pages: [String: Int64]
    /// Values of other files of cgroup v2, by name.
    let unified: [String: String]

    init(_ resources: TaskResources, _ host: HostTraits) {
        memory = resources.memory
        // Limits memory and swap together: no extra swap. (Docker allows as much again.)
        swap = host.limitsSwap ? memory.map { resources.memorySwap ?? $0 } : nil
        shares = resources.cpuShares
        quota = resources.milliCPUs.map { $0 * 100 } ?? resources.cpuQuota
        period =
            resources.cpuPeriod ?? resources.milliCPUs.map { _ in TaskResources.defaultPeriod }
        cpuset = resources.cpuset
        pids = resources.pids
        // A limit of nothing holds without the controller, too.
        pages = resources.hugepages.filter { host.hugepageSizes.contains($0.key) }
        unified = resources.unified
    }
}

extension RuntimeSpec {
    static func resources(
        _ resources: TaskResources, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        let limits = KernelLimits(resources, host)
        if let memory = limits.memory {
            writer.object("memory") {
                $0.member("limit", memory)
                if let swap = limits.swap { $0.member("swap", swap) }
            }
        }
        cpu(limits, to: &writer)
        if let pids = limits.pids { writer.object("pids") { $0.member("limit", pids) } }
        if !limits.pages.isEmpty {
            writer.list("hugepageLimits", limits.pages.sorted { $0.key < $1.key }) { writer, page in
                writer.beginObject()
                writer.member("pageSize", page.key)
                writer.member("limit", page.value)
                writer.endObject()
            }
        }
        if !limits.unified.isEmpty {
            writer.key("unified")
            writer.value(limits.unified)
        }
    }

    private static func cpu(_ limits: KernelLimits, to writer: inout JSONWriter) {
        let numbers = [
            ("shares", limits.shares), ("quota", limits.quota), ("period", limits.period),
        ].filter { $0.1 != nil }
        let lists = [("cpus", limits.cpuset.cpus), ("mems", limits.cpuset.mems)]
            .filter { $0.1 != nil }
        guard !numbers.isEmpty || !lists.isEmpty else { return }
        writer.object("cpu") { writer in
            for (name, number) in numbers {
                guard let number else { continue }
                writer.key(name)
                writer.value(number)
            }
            for (name, list) in lists {
                guard let list else { continue }
                writer.key(name)
                writer.value(list)
            }
        }
    }
}
