// The capabilities of a task (capabilities(7)).

package import Model

package enum Capabilities {
    /// Docker's 14 (moby: daemon/pkg/oci/caps/defaults.go).
    package static let standard = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]

    /// All of Linux up to CHECKPOINT_RESTORE (5.9), in the order of their numbers.
    package static let all = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
        "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
        "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE",
        "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
        "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
        "PERFMON", "BPF", "CHECKPOINT_RESTORE",
    ]

    /// The task's capabilities, with `CAP_`, in alphabetical order. Drops come first, then
    /// additions; `ALL` in either means every capability. The daemon itself lacks the
    /// capabilities `withheld`, so the runtime cannot give them, and `ALL` does not include them.
    package static func of(_ task: TaskSpec, without withheld: Set<String> = []) -> [String] {
        var set = Set(task.security.isPrivileged ? all : standard).subtracting(withheld)
        set.subtract(named(task.dropCapabilities, []))
        set.formUnion(named(task.addCapabilities, withheld))
        set.formUnion(named(task.security.ambientCapabilities, withheld))
        return set.map { "CAP_\($0)" }.sorted()
    }

    /// The task's ambient capabilities, with `CAP_`, in alphabetical order.
    static func ambient(_ task: TaskSpec, without withheld: Set<String>) -> [String] {
        named(task.security.ambientCapabilities, withheld).map { "CAP_\($0)" }.sorted()
    }

    private static func named(_ names: [String], _ withheld: Set<String>) -> [String] {
        names.contains("ALL") ? all.filter { !withheld.contains($0) } : names
    }
}
