// What the kernel counts for a cgroup and for a network interface.

/// One number that the kernel tells of a cgroup and all below it (the kernel's documentation,
/// admin-guide/cgroup-v1 and cgroup-v2.rst). Messages contain the raw values.
package enum CgroupStatistic: UInt8, CaseIterable, Sendable {
    /// Nanoseconds of processor time since the cgroup was made, and the parts of it.
    case cpuUsage, cpuUser, cpuSystem
    /// Periods of the CPU limit in which something ran, and those of them in which it had to wait.
    case cpuPeriods, cpuThrottledPeriods
    /// Nanoseconds for which the CPU limit made it wait.
    case cpuThrottled
    /// Bytes, with the page cache.
    case memoryUsage
    /// Bytes without the page cache that has not been used for long, which is freed first.
    case memoryWorkingSet
    /// Bytes of anonymous memory, of page cache, and of mapped files.
    case memoryAnonymous, memoryFile, memoryMapped
    /// How often the usage reached the limit.
    case memoryLimitHits
    /// Processes that the out-of-memory killer killed.
    case memoryOOMKills
    /// Processes and threads.
    case pids
    /// Microseconds in which some process waited for the resource, and in which all did (PSI).
    case cpuWaiting, cpuStalled, memoryWaiting, memoryStalled, ioWaiting, ioStalled
}

/// A cgroup whose statistics are asked for.
package struct CgroupQuery: Equatable, Sendable {
    /// The path from the root of each hierarchy.
    package var path: String
    /// The path in the hierarchies without `path`; the same unless a client named a parent.
    package var own: String
    /// Whether its cgroups below have the processes. In v1 it then counts no kills.
    package var hasChildren: Bool
    /// Whether it may have limits, without which some files only have zeros.
    package var hasCPULimit: Bool
    package var hasMemoryLimit: Bool

    package init(
        path: String, own: String, hasChildren: Bool, hasCPULimit: Bool, hasMemoryLimit: Bool
    ) {
        self.path = path
        self.own = own
        self.hasChildren = hasChildren
        self.hasCPULimit = hasCPULimit
        self.hasMemoryLimit = hasMemoryLimit
    }
}

/// What one block device has done for a cgroup.
package struct DeviceStatistics: Equatable, Sendable {
    /// Such as `/dev/vda`, or `254:0` if it has no name.
    package var device: String
    /// Bytes.
    package var read: UInt64 = 0
    package var written: UInt64 = 0
    package var reads: UInt64 = 0
    package var writes: UInt64 = 0

    package init(device: String) { self.device = device }
}

/// What the kernel counts for a cgroup; `nil` if the host has no controller for it.
package struct CgroupStatistics: Equatable, Sendable {
    private var values = [UInt64?](repeating: nil, count: CgroupStatistic.allCases.count)
    package var devices: [DeviceStatistics] = []

    package init() {}

    package subscript(_ statistic: CgroupStatistic) -> UInt64? {
        get { values[Int(statistic.rawValue)] }
        set { values[Int(statistic.rawValue)] = newValue }
    }
}

/// What has passed a network interface, as the pod sees it.
package struct InterfaceStatistics: Equatable, Sendable {
    package struct Direction: Equatable, Sendable {
        package var bytes: UInt64
        package var packets: UInt64
        package var errors: UInt64
        package var dropped: UInt64

        package init(bytes: UInt64, packets: UInt64, errors: UInt64, dropped: UInt64) {
            self.bytes = bytes
            self.packets = packets
            self.errors = errors
            self.dropped = dropped
        }
    }

    package var name: String
    package var received: Direction
    package var sent: Direction

    package init(name: String, received: Direction, sent: Direction) {
        self.name = name
        self.received = received
        self.sent = sent
    }

    /// The same as the other end of a veth pair sees it.
    package func fromOtherEnd(named name: String) -> InterfaceStatistics {
        InterfaceStatistics(name: name, received: sent, sent: received)
    }
}
