// The control files that change if the limits of a living task change.
//
// They get the values that the runtime gives them when it makes a task of the new limits, so that
// the next attempt of the task has the same. The order is that of the kernel's rules: a quota is
// never above the old and the new one, and v1's limit of memory never above that of memory and swap
// (mem_cgroup_resize_max in mm/memcontrol-v1.c). The memory comes last, because a refusal depends
// on the present use: what is put back after it depends on no use.

package import Kernel
package import Model

extension RuntimeSpec {
    /// - Parameter isUnified: whether the controllers are in the unified hierarchy.
    package static func writes(
        from old: TaskResources, to new: TaskResources, _ host: HostTraits, isUnified: Bool
    ) -> [ControlWrite] {
        let change = LimitChange(
            old: KernelLimits(old, host), new: KernelLimits(new, host),
            oldNames: old, newNames: new)
        return isUnified ? change.unified : change.legacy
    }
}

private struct LimitChange {
    let old: KernelLimits
    let new: KernelLimits
    /// The same as the client has named them.
    let oldNames: TaskResources
    let newNames: TaskResources

    // MARK: cgroup v1

    var legacy: [ControlWrite] {
        cpuset { isSet in ControlWrite.Rest(controller: "cpuset", isInherited: !isSet, none: "") }
            + shares { ("cpu", "cpu.shares", "\($0 ?? 1024)") } + legacyQuota
            + pids("pids") + pages("hugetlb", "limit_in_bytes", none: "-1") + legacyMemory
    }

    /// The kernel checks the quota of each period against the cgroups above and below. Between the
    /// two writes the quota is below the larger one of the old and the new.
    private var legacyQuota: [ControlWrite] {
        let (before, after) = (old.period ?? defaultPeriod, new.period ?? defaultPeriod)
        let period = ControlWrite(
            member: quotaMember, controller: "cpu", file: "cpu.cfs_period_us", text: "\(after)",
            isNeeded: new.period != nil)
        let quota = ControlWrite(
            member: quotaMember, controller: "cpu", file: "cpu.cfs_quota_us",
            text: "\(new.quota ?? -1)", isNeeded: new.quota != nil)
        let isChanged = (old.quota ?? -1) != (new.quota ?? -1)
        guard after != before else { return isChanged ? [quota] : [] }
        return after > before ? [period, quota] : [quota, period]
    }

    private var legacyMemory: [ControlWrite] {
        let limit = ControlWrite(
            member: "/resources/memory", controller: "memory", file: "memory.limit_in_bytes",
            text: "\(new.memory ?? -1)", isNeeded: new.memory != nil)
        let swap = ControlWrite(
            member: swapMember, controller: "memory", file: "memory.memsw.limit_in_bytes",
            text: "\(new.swap ?? -1)", isNeeded: new.swap != nil)
        func most(_ limit: Int64?) -> Int64 { limit.map { $0 < 0 ? .max : $0 } ?? .max }
        let limits = old.memory == new.memory ? [] : [limit]
        let (before, after) = (most(old.swap), most(new.swap))
        if before == after { return limits }
        return after > before ? [swap] + limits : limits + [swap]
    }

    // MARK: cgroup v2

    var unified: [ControlWrite] {
        cpuset { _ in ControlWrite.Rest(controller: "", isInherited: false, none: "\n") }
            + shares { ("", "cpu.weight", "\($0.map(weight) ?? 100)") } + unifiedQuota
            + pids("") + pages("", "max", none: "max") + files + unifiedMemory
    }

    /// The kernel's document has no conversion. It is that of runc and crun, so that it is the same
    /// for the next attempt: 2 is 1, and 262144 is 10000.
    private func weight(_ shares: Int64) -> Int64 { 1 + (shares - 2) * 9999 / 262_142 }

    private var unifiedQuota: [ControlWrite] {
        func text(_ limits: KernelLimits) -> String {
            let quota = limits.quota.map { $0 < 0 ? "max" : "\($0)" } ?? "max"
            return "\(quota) \(limits.period ?? defaultPeriod)"
        }
        guard text(old) != text(new) else { return [] }
        return [
            ControlWrite(
                member: quotaMember, controller: "", file: "cpu.max", text: text(new),
                isNeeded: new.quota != nil || new.period != nil)
        ]
    }

    private var files: [ControlWrite] {
        new.unified.sorted { $0.key < $1.key }.filter { old.unified[$0.key] != $0.value }.map {
            ControlWrite(
                member: "/resources/unified/\($0.key)", controller: "", file: $0.key,
                text: $0.value)
        }
    }

    private var unifiedMemory: [ControlWrite] {
        func swap(_ limits: KernelLimits) -> String {
            guard let both = limits.swap, both >= 0, let memory = limits.memory else {
                return "max"
            }
            return "\(both - memory)"
        }
        var writes: [ControlWrite] = []
        if swap(old) != swap(new) {
            writes.append(
                ControlWrite(
                    member: swapMember, controller: "", file: "memory.swap.max", text: swap(new),
                    isNeeded: new.swap != nil))
        }
        if old.memory != new.memory {
            writes.append(
                ControlWrite(
                    member: "/resources/memory", controller: "", file: "memory.max",
                    text: new.memory.map { "\($0)" } ?? "max", isNeeded: new.memory != nil))
        }
        return writes
    }

    // MARK: Both

    private var defaultPeriod: Int64 { TaskResources.defaultPeriod }

    /// The member that the client has named.
    private var quotaMember: String {
        if newNames.milliCPUs != nil { return "/resources/cpus" }
        if newNames.cpuQuota != oldNames.cpuQuota { return "/resources/cpuQuota" }
        return newNames.cpuPeriod != oldNames.cpuPeriod
            ? "/resources/cpuPeriod" : "/resources/cpus"
    }

    private var swapMember: String {
        newNames.memorySwap == nil && oldNames.memorySwap == nil
            ? "/resources/memory" : "/resources/memorySwap"
    }

    private func cpuset(_ rest: (_ isSet: Bool) -> ControlWrite.Rest) -> [ControlWrite] {
        let lists = [
            ("cpus", old.cpuset.cpus, new.cpuset.cpus), ("mems", old.cpuset.mems, new.cpuset.mems),
        ]
        return lists.filter { $0.1 != $0.2 }.map { name, _, list in
            let rest = rest(list != nil)
            return ControlWrite(
                member: "/resources/cpuset/\(name)", controller: rest.controller,
                file: "cpuset.\(name)", text: list ?? rest.none, isNeeded: list != nil,
                isInherited: rest.isInherited)
        }
    }

    private func shares(
        _ place: (Int64?) -> (controller: String, file: String, text: String)
    ) -> [ControlWrite] {
        guard old.shares != new.shares else { return [] }
        let (controller, file, text) = place(new.shares)
        return [
            ControlWrite(
                member: "/resources/cpuShares", controller: controller, file: file, text: text,
                isNeeded: new.shares != nil)
        ]
    }

    private func pids(_ controller: String) -> [ControlWrite] {
        guard old.pids != new.pids else { return [] }
        return [
            ControlWrite(
                member: "/resources/pids", controller: controller, file: "pids.max",
                text: new.pids.map { "\($0)" } ?? "max", isNeeded: new.pids != nil)
        ]
    }

    private func pages(_ controller: String, _ file: String, none: String) -> [ControlWrite] {
        Set(old.pages.keys).union(new.pages.keys).sorted().filter {
            old.pages[$0] != new.pages[$0]
        }.map { size in
            ControlWrite(
                member: "/resources/hugepages/\(size)", controller: controller,
                file: "hugetlb.\(size).\(file)", text: new.pages[size].map { "\($0)" } ?? none,
                isNeeded: new.pages[size] != nil)
        }
    }
}

extension ControlWrite {
    fileprivate struct Rest {
        let controller: String
        let isInherited: Bool
        let none: String
    }
}
