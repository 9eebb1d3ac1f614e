// What the daemon tells about its host.

/// Facts about the host and the daemon on it.
package struct HostInfo: Sendable {
    package var runtimePath: String
    /// `nil` until the runtime has answered.
    package var runtimeName: String?
    package var runtimeVersion: String?
    package var runtimeCommit: String?
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
    /// Whether a bind and the mounts below it can be read-only.
    package var recursiveReadOnly = false
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
    /// Why creates are refused; `nil` if they are accepted.
    package var refusal: String?
    /// As of the last audit.
    package var findings: [HostFinding] = []
    /// The daemon's own process.
    package var daemonPID: Int32

    package init(
        runtimePath: String, kernelRelease: String, cgroup: String, hasCgroupKill: Bool,
        bootID: String, seccomp: SeccompChoice, nestsCPULimits: Bool, hasMountAttributes: Bool,
        daemonPID: Int32
    ) {
        self.runtimePath = runtimePath
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
