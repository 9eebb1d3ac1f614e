//  Capabilities by name (capabilities(7)), as of Linux 5.9.

import Bytes

extension Field {
    /// Accepts names with or without `CAP_`; returns them without it, sorted and unique.
    func capabilities() -> [String]? {
        guard let elements = elements(limit: 2 * capabilityNames.count) else { return nil }
        let names = elements.compactMap { element in
            element.parsed("a capability or 'ALL'") { text in
                let name = text.after("CAP_") ?? text
                return capabilityNames.first { $0.isSame(as: name) }
            }
        }
        return Set(names).sorted()
    }
}

private let capabilityNames = [
    "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF",
    "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
    "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
    "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE",
    "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM",
]
