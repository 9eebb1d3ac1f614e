//  The members of the limits of a task.

import Bytes
import JSON
import Model

extension TaskResources {
    static let members = SpecTable<TaskResources>([
        .limit("memory", \.memory, { $0.memory = $1 }, .integer { $0.memory() }),
        .limit(
            "memorySwap", \.memorySwap, { $0.memorySwap = $1 },
            .integer { $0.integer(in: -1...(.max)) }),
        .limit("cpus", \.milliCPUs, { $0.milliCPUs = $1 }, .thousandths(in: DocumentLimits.cpus)),
        .limit(
            "cpuShares", \.cpuShares, { $0.cpuShares = $1 },
            .integer { $0.integer(in: DocumentLimits.cpuShares) }),
        .limit("cpuQuota", \.cpuQuota, { $0.cpuQuota = $1 }, .integer { $0.cpuQuota() }),
        .limit(
            "cpuPeriod", \.cpuPeriod, { $0.cpuPeriod = $1 },
            .integer { $0.integer(in: DocumentLimits.cpuPeriod) }),
        .merged("cpuset", \.cpuset, { $0.cpuset = $1 }, blank: CPUSet(), .cpuset) {
            $0.merged(into: $1)
        },
        .nullable(
            "pids", \.pids, { $0.pids = $1 },
            .integer { $0.integer(in: 1...DocumentLimits.mostPids) }, mayChange: true),
        .merged("hugepages", \.hugepages, { $0.hugepages = $1 }, blank: [:], .hugepages) {
            field, limits in
            field.merged(into: limits, limit: DocumentLimits.pageSizes) { $0.hugepages() }
        },
        .merged("unified", \.unified, { $0.unified = $1 }, blank: [:], .map { $0.unified() }) {
            field, values in
            field.merged(into: values, limit: DocumentLimits.unified) { $0.unified() }
        },
        .limit(
            "oomScoreAdj", \.oomScoreAdj, { $0.oomScoreAdj = $1 },
            .integer { $0.integer(in: -1000...1000) }),
    ])
}

extension CPUSet {
    static let members = SpecTable<CPUSet>([
        .limit("cpus", \.cpus, { $0.cpus = $1 }, .text { $0.cpuList() }),
        .limit("mems", \.mems, { $0.mems = $1 }, .text { $0.cpuList() }),
    ])
}

extension Codec<TaskResources> {
    /// The default is for requests. A record contains each limit that is set.
    static var taskResources: Codec {
        .object(
            TaskResources.members, TaskResources(),
            defaults: TaskResources(pids: TaskSpec.defaultPids))
    }
}

extension Codec<CPUSet> {
    fileprivate static var cpuset: Codec { .object(CPUSet.members, CPUSet()) }
}

extension Codec<[String: Int64]> {
    fileprivate static var hugepages: Codec {
        Codec(
            read: { $0.hugepages() },
            write: { limits, writer in
                writer.beginObject()
                for (size, limit) in limits.sorted(by: { $0.key < $1.key }) {
                    writer.key(size)
                    writer.value(limit)
                }
                writer.endObject()
            },
            restore: { record throws(RecordFault) in
                var limits: [String: Int64] = [:]
                for (size, limit) in try record.entries() { limits[size] = try limit.integer() }
                return limits
            })
    }
}

extension Field {
    /// The limits after a patch; `null` means the limits of a task that names none.
    func merged(into resources: TaskResources) -> TaskResources? {
        if value == .null { return TaskResources(pids: TaskSpec.defaultPids) }
        var resources = resources
        TaskResources.members.merge(self, into: &resources)
        return resources
    }

    fileprivate func merged(into cpuset: CPUSet) -> CPUSet? {
        var cpuset = cpuset
        CPUSet.members.merge(self, into: &cpuset)
        return cpuset
    }

    /// The map after a patch; `null` removes an entry. `read` reads the others.
    fileprivate func merged<Value>(
        into map: [String: Value], limit: Int, _ read: (Field) -> [String: Value]?
    ) -> [String: Value]? {
        guard let members = value.members else { return read(self) }
        let (removed, given) = (
            members.filter { $0.value == .null }, members.filter { $0.value != .null }
        )
        let rest = Field(value: .object(given), pointer: pointer, log: log)
        guard removed.count <= limit, let new = read(rest) else {
            if removed.count > limit {
                refuse("has \(members.count) entries, and \(limit) are allowed")
            }
            return nil
        }
        var merged = map.merging(new) { _, new in new }
        for member in removed { merged[member.name] = nil }
        if merged.count > limit {
            refuse("would have \(merged.count) entries, and \(limit) are allowed")
        }
        return merged
    }

    /// Microseconds; the kernel takes no less than one millisecond.
    fileprivate func cpuQuota() -> Int64? {
        guard value.integer != -1 else { return -1 }
        return integer(in: DocumentLimits.cpuQuota)
    }

    /// The list format of cpuset(7): `0-3,6`.
    fileprivate func cpuList() -> String? {
        parsed("a list of numbers and ranges such as '0-3,6'") { text in
            let items = text.fields(",", keepingEmpty: true)
            let isList =
                text.utf8.count <= 4095
                && items.allSatisfy { item in
                    let ends = item.fields("-", keepingEmpty: true).map {
                        $0.utf8.decimal(UInt16.self)
                    }
                    let numbers = ends.compactMap(\.self)
                    guard (1...2).contains(ends.count), numbers.count == ends.count else {
                        return false
                    }
                    return numbers[0] <= numbers[numbers.count - 1]
                }
            return isList ? text : nil
        }
    }

    fileprivate func hugepages() -> [String: Int64]? {
        guard let entries = entries(limit: DocumentLimits.pageSizes) else { return nil }
        var limits: [String: Int64] = [:]
        for (size, field) in entries {
            if !isPageSize(size) {
                field.refuse("the size of a page must be a number with KB, MB or GB, such as '2MB'")
            }
            limits[size] = field.integer(in: 0...(.max))
        }
        return limits
    }

    fileprivate func unified() -> [String: String]? {
        guard let entries = entries(limit: DocumentLimits.unified) else { return nil }
        var values: [String: String] = [:]
        for (name, field) in entries {
            if let detail = faultOfUnified(name) { field.refuse(detail) }
            values[name] = field.string()
        }
        return values
    }
}

private func isPageSize(_ text: String) -> Bool {
    for unit in ["KB", "MB", "GB"] {
        guard let digits = text.before(unit), !digits.begins(with: "0") else { continue }
        return digits.utf8.decimal(UInt32.self) != nil
    }
    return false
}

/// The files of cgroup v2 that other members write (cgroup-v2.rst).
private let ownFiles = [
    ("memory.max", "memory"), ("memory.swap.max", "memorySwap"), ("cpu.max", "cpus"),
    ("cpu.weight", "cpuShares"), ("pids.max", "pids"), ("cpuset.cpus", "cpuset"),
    ("cpuset.mems", "cpuset"),
]

/// Why no client may write the file of this name in a task's cgroup; `nil` if one may.
private func faultOfUnified(_ name: String) -> String? {
    let parts = name.fields(".", keepingEmpty: true)
    let isName =
        name.utf8.count <= 255 && parts.count > 1
        && parts.allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
                }
        }
    if !isName { return "its name must be that of a file of cgroup v2, such as 'memory.high'" }
    if parts[0].isSame(as: "cgroup") { return "the files 'cgroup.*' belong to the daemon" }
    return ownFiles.first { $0.0.isSame(as: name) }.map {
        "the member '\($0.1)' of the resources sets it"
    }
}

extension DocumentLimits {
    /// MIN_SHARES and MAX_SHARES (kernel/sched/core.c).
    static let cpuShares: ClosedRange<Int64> = 2...262_144
    /// Microseconds.
    static let cpuPeriod: ClosedRange<Int64> = 1000...1_000_000
    /// Microseconds: from the kernel's least to 1024 CPUs in the longest period.
    static let cpuQuota: ClosedRange<Int64> = 1000...1_024_000_000
    /// Limits of huge pages.
    static let pageSizes = 16
    /// Files of a cgroup that a client sets.
    static let unified = 64
}

extension TaskSpec {
    /// A fault for each limit that contradicts another one. `place` is the task in the document.
    func resourceFaults(at place: JSONPointer) -> [DocumentFault] {
        var faults: [DocumentFault] = []
        func refuse(_ name: String, _ detail: String) {
            let pointer = place.appending("resources").appending(name)
            faults.append(DocumentFault(pointer: pointer, detail: detail))
        }
        if let swap = resources.memorySwap {
            if resources.memory == nil {
                refuse("memorySwap", "needs 'memory': it limits memory and swap together")
            }
            if let memory = resources.memory, swap != -1, swap < memory {
                refuse(
                    "memorySwap",
                    "must be at least 'memory', because it limits memory and swap together")
            }
        }
        if resources.milliCPUs != nil {
            for (name, value) in [
                ("cpuQuota", resources.cpuQuota), ("cpuPeriod", resources.cpuPeriod),
            ] where value != nil {
                refuse(name, "contradicts 'cpus', which sets the quota and the period")
            }
        }
        return faults
    }
}
