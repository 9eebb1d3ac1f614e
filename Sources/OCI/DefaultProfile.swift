// The seccomp profile that holds unless the daemon is given another: compiled in, because a task's
// safety must not depend on a package that may be missing.
//
// It permits by name. A call that it does not know answers ENOSYS, as from a kernel without it, so
// that programs fall back; one that it knows and denies answers EPERM. Beside Docker's and
// containers-common's profiles it takes the stricter word on namespaces, keys and AF_VSOCK; the
// tests compare it with containers-common's, and name each difference.

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

    /// Of the host as a whole, or of use to break out of a task, whatever its rights.
    ///
    /// Absent on purpose, and so ENOSYS at no cost in the filter: what is obsolete (bdflush,
    /// uselib, vm86 …), and add_key, keyctl and request_key, because the keyrings of a user are not
    /// divided by pods, and are the host's as well.
    static let denied = DefaultCalls.words(
        "kexec_load kexec_file_load swapon swapoff userfaultfd vmsplice move_pages migrate_pages")

    /// PER_LINUX, PER_LINUX32, both with UNAME26, and the question for what it is.
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

    /// What a capability is for is useless without it (capabilities(7)): so much less of the kernel
    /// is within reach. Each of several capabilities opens the call.
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
