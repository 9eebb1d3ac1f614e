// The seccomp profile that applies unless the daemon gets another: compiled in, because a task's
// safety must not depend on a package that may be missing.
//
// It permits by name. An unknown call fails with ENOSYS, as on a kernel without it, so that
// programs fall back. A known, denied call fails with EPERM. If Docker's and containers-common's
// profiles differ about namespaces, keys and AF_VSOCK, it follows the stricter one. The tests
// compare it with containers-common's, and name each difference.

extension SeccompProfile {
    package static let builtIn = SeccompProfile(
        defaultAction: "SCMP_ACT_ERRNO", defaultErrno: Errno.noSuchCall,
        subArchitectures: [
            Architecture.x86.token: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            Architecture.arm.token: ["SCMP_ARCH_ARM"],
        ],
        rules: [.allow(DefaultCalls.permitted), .deny(DefaultRules.denied)]
            + DefaultRules.personalities + DefaultRules.architectures
            + DefaultRules.byCapability + DefaultRules.namespaces + DefaultRules.sockets)
}

/// errno(3).
enum Errno {
    static let notPermitted: UInt32 = 1
    static let invalid: UInt32 = 22
    static let noSuchCall: UInt32 = 38
    static let noSuchFamily: UInt32 = 97
}

enum DefaultRules {
    typealias Rule = SeccompProfile.Rule

    /// Calls that affect the whole host, or help to break out of a task, whatever its rights.
    ///
    /// Calls that are absent on purpose fail with ENOSYS at no cost in the filter. These are
    /// obsolete calls (bdflush, uselib, vm86 …), and add_key, keyctl and request_key, because a
    /// user's keyrings are shared between pods and with the host.
    static let denied = DefaultCalls.words(
        "kexec_load kexec_file_load swapon swapoff userfaultfd vmsplice move_pages migrate_pages")

    /// PER_LINUX, PER_LINUX32, both with UNAME26, and the query of the current value.
    static let personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map {
        Rule.allow(["personality"], [.init(0, .equal, $0)])
    }

    static let architectures = [
        Rule.allow(["arch_prctl", "modify_ldt"], includes: .init(arches: ["amd64"])),
        Rule.allow(
            DefaultCalls.words(
                """
                arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2
                """), includes: .init(arches: ["arm64"])),
    ]

    /// These calls are useless without their capability (capabilities(7)), so denying them exposes
    /// less of the kernel. If several capabilities are listed, each one permits the call.
    static let byCapability =
        [
            gate("acct", "SYS_PACCT"), gate("chroot", "SYS_CHROOT"),
            gate("vhangup", "SYS_TTY_CONFIG"), gate("reboot", "SYS_BOOT"),
            gate("ioperm iopl", "SYS_RAWIO"), gate("open_by_handle_at", "DAC_READ_SEARCH"),
            gate("kcmp process_madvise", "SYS_PTRACE"),
            gate("clock_settime clock_settime64 settimeofday stime", "SYS_TIME"),
            gate("init_module finit_module delete_module query_module", "SYS_MODULE"),
            gate("syslog", "SYSLOG", "SYS_ADMIN"), gate("bpf", "BPF", "SYS_ADMIN"),
            gate("perf_event_open", "PERFMON", "SYS_ADMIN"),
            gate("fanotify_init lookup_dcookie quotactl quotactl_fd", "SYS_ADMIN"),
            gate("sethostname setdomainname setns", "SYS_ADMIN"),
            gate("mount umount umount2 pivot_root mount_setattr move_mount open_tree", "SYS_ADMIN"),
            gate("fsopen fsconfig fsmount fspick", "SYS_ADMIN"),
        ].flatMap(\.self)

    private static func gate(_ names: String, _ capabilities: String...) -> [Rule] {
        let (names, keys) = (DefaultCalls.words(names), capabilities.map { "CAP_" + $0 })
        return keys.map { .allow(names, includes: .init(capabilities: [$0])) }
            + [.deny(names, excludes: .init(capabilities: keys))]
    }
}
