// What the daemon tells about its host.

import Bytes

/// Facts about the host and the daemon on it.
package struct HostInfo: Sendable {
    /// The runtimes of the settings, the default first. Never empty.
    package var runtimes: [RuntimeInfo]
    package var kernelRelease: String
    /// `v1`, `hybrid` or `v2`.
    package var cgroup: String
    package var hasCgroupKill: Bool
    package var bootID: String
    package var seccomp: SeccompChoice
    /// Whether the kernel refuses a CPU limit of a task above its pod's limit (cgroup v1).
    package var nestsCPULimits: Bool
    /// Whether the kernel can change the attributes of a whole tree of mounts.
    package var hasMountAttributes: Bool
    /// Whether AppArmor is in force.
    package var hasAppArmor = false
    /// The capabilities that the daemon lacks, without `CAP_`. No task can have them.
    package var withheldCapabilities: Set<String> = []
    /// Whether memory and swap can be limited together.
    package var limitsSwap = true
    /// The sizes of huge pages that can be limited, as the kernel writes them: `2MB`.
    package var hugepageSizes: Set<String> = []
    /// The least oom_score_adj that a task can have (proc(5)).
    package var leastOOMScoreAdj: Int64 = -1000
    /// The daemon's own hard limits by type (`RLIMIT_NOFILE`), if it may not exceed them: without
    /// CAP_SYS_RESOURCE.
    package var hardLimits: [String: UInt64] = [:]
    /// Why creates with the default runtime are refused; `nil` if they are accepted.
    package var refusal: String?
    /// As of the last audit.
    package var findings: [HostFinding] = []
    /// The daemon's own process.
    package var daemonPID: Int32

    package init(
        runtimes: [RuntimeInfo], kernelRelease: String, cgroup: String, hasCgroupKill: Bool,
        bootID: String, seccomp: SeccompChoice, nestsCPULimits: Bool, hasMountAttributes: Bool,
        daemonPID: Int32
    ) {
        self.runtimes = runtimes
        self.kernelRelease = kernelRelease
        self.cgroup = cgroup
        self.hasCgroupKill = hasCgroupKill
        self.bootID = bootID
        self.seccomp = seccomp
        self.nestsCPULimits = nestsCPULimits
        self.hasMountAttributes = hasMountAttributes
        self.daemonPID = daemonPID
    }
}

extension HostInfo {
    package var defaultRuntime: RuntimeInfo { runtimes[0] }

    /// The runtime that a pod has; `nil` means the default. Returns `nil` if the settings no
    /// longer have the runtime.
    package func runtime(_ name: String?) -> RuntimeInfo? {
        guard let name else { return defaultRuntime }
        return runtimes.first { $0.name.isSame(as: name) }
    }

    /// The names of all runtimes, for display.
    package var runtimeNames: String {
        runtimes.map { "'\($0.name)'" }.joined(separator: ", ")
    }
}

/// What is known of one runtime.
package struct RuntimeInfo: Equatable, Sendable {
    /// The name of the settings.
    package let name: String
    /// Where its program was last found, or the program of the settings.
    package var path: String
    /// The name that it reports; `nil` until it has answered.
    package var program: String?
    package var version: String?
    package var commit: String?
    /// Whether a bind and the mounts below it can be read-only.
    package var recursiveReadOnly = false
    /// Whether it makes no task if it sees a v2 tree beside v1's hierarchies.
    package var refusesHybrid = false
    /// Why it cannot be used; `nil` if it can.
    package var refusal: String?

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}
