// The limits of a task: `linux.resources` (runtime-spec, config-linux.md).

import JSON
import Model

extension RuntimeSpec {
    static func resources(
        _ resources: TaskResources, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        if let memory = resources.memory {
            writer.object("memory") {
                $0.member("limit", memory)
                // Limits memory and swap together: no extra swap. (Docker allows as much again.)
                if host.limitsSwap { $0.member("swap", resources.memorySwap ?? memory) }
            }
        }
        cpu(resources, to: &writer)
        if let pids = resources.pids { writer.object("pids") { $0.member("limit", pids) } }
        // A limit of nothing holds without the controller, too.
        let pages = resources.hugepages.filter { host.hugepageSizes.contains($0.key) }
        if !pages.isEmpty {
            writer.list("hugepageLimits", pages.sorted { $0.key < $1.key }) { writer, page in
                writer.beginObject()
                writer.member("pageSize", page.key)
                writer.member("limit", page.value)
                writer.endObject()
            }
        }
        if !resources.unified.isEmpty {
            writer.key("unified")
            writer.value(resources.unified)
        }
    }

    private static func cpu(_ resources: TaskResources, to writer: inout JSONWriter) {
        let period = resources.milliCPUs.map { _ in TaskResources.defaultPeriod }
        let numbers = [
            ("shares", resources.cpuShares),
            ("quota", resources.milliCPUs.map { $0 * 100 } ?? resources.cpuQuota),
            ("period", resources.cpuPeriod ?? period),
        ].filter { $0.1 != nil }
        let lists = [("cpus", resources.cpuset.cpus), ("mems", resources.cpuset.mems)]
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
