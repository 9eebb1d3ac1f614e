// The built-in profile's rules that compare arguments: new namespaces and sockets.
//
// A filter compares the whole 64-bit register, but the kernel uses 32 bits of it for an int. A rule
// that permits "anything but 40" would permit 2^32 + 40, and the kernel would use 40. So the
// permitted values are listed, and the denied ones get an errno.

extension DefaultRules {
    private static let admin = SeccompProfile.Condition(capabilities: ["CAP_SYS_ADMIN"])

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (clone(2)). In clone, the
    /// bit of NEWTIME belongs to the signal, so only unshare(2) and clone3(2) have it.
    private static let namespaceBits: [UInt64] =
        [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]
    private static let newTime: UInt64 = 0x80

    /// New namespaces require CAP_SYS_ADMIN, because a user namespace gives any user every
    /// capability inside it, and so access to most of the kernel. clone3's flags are behind a
    /// pointer; if it fails with ENOSYS, the C libraries use clone.
    static let namespaces =
        [
            Rule.allow(["clone", "clone3", "unshare"], includes: admin),
            .deny(["clone3"], errno: Errno.noSuchCall, excludes: admin),
        ] + without("clone", namespaceBits) + without("unshare", namespaceBits + [newTime])

    private static func without(_ name: String, _ bits: [UInt64]) -> [Rule] {
        let none = SeccompProfile.Argument(0, mask: bits.reduce(0, |), equals: 0)
        return [.allow([name], [none], excludes: admin)]
            + bits.map {
                .deny([name], [.init(0, mask: $0, equals: $0)], excludes: admin)
            }
    }

    private static let netlink: UInt64 = 16
    private static let vsock: UInt64 = 40
    /// KCM, QIPCRTR, SMC, XDP and MCTP (socket(2)); later families are unknown.
    private static let aboveVsock: [UInt64] = [41, 42, 43, 44, 45]
    /// NETLINK_AUDIT.
    private static let audit: UInt64 = 9

    /// AF_VSOCK reaches the hypervisor's host and ignores network namespaces. If a task may not
    /// write to audit, its audit sockets fail with EINVAL, so that login programs continue without
    /// audit, as on a kernel without it.
    static let sockets =
        [
            Rule.deny(["socket"], [.init(0, .equal, vsock)], errno: Errno.noSuchFamily),
            .allow(["socket"], [.init(0, .less, vsock)], includes: writesAudit),
            .allow(
                ["socket"], [.init(0, .less, vsock), .init(2, .notEqual, audit)],
                excludes: writesAudit),
            .allow(
                ["socket"], [.init(0, .less, netlink), .init(2, .equal, audit)],
                excludes: writesAudit),
            .deny(
                ["socket"], [.init(0, .equal, netlink), .init(2, .equal, audit)],
                errno: Errno.invalid, excludes: writesAudit),
        ] + aboveVsock.map { .allow(["socket"], [.init(0, .equal, $0)]) }

    private static let writesAudit = SeccompProfile.Condition(capabilities: ["CAP_AUDIT_WRITE"])
}

extension SeccompProfile.Rule {
    static func allow(
        _ names: [String], _ args: [SeccompProfile.Argument] = [],
        includes: SeccompProfile.Condition = .init(), excludes: SeccompProfile.Condition = .init()
    ) -> Self {
        Self(
            names: names, action: "SCMP_ACT_ALLOW", errno: nil, args: args, includes: includes,
            excludes: excludes)
    }

    static func deny(
        _ names: [String], _ args: [SeccompProfile.Argument] = [],
        errno: UInt32 = Errno.notPermitted, excludes: SeccompProfile.Condition = .init()
    ) -> Self {
        Self(
            names: names, action: "SCMP_ACT_ERRNO", errno: errno, args: args, includes: .init(),
            excludes: excludes)
    }
}

extension SeccompProfile.Argument {
    enum Comparison: String {
        case equal = "SCMP_CMP_EQ"
        case notEqual = "SCMP_CMP_NE"
        case less = "SCMP_CMP_LT"
    }

    init(_ index: UInt64, _ comparison: Comparison, _ value: UInt64) {
        self.init(index: index, value: value, valueTwo: 0, comparison: comparison.rawValue)
    }

    /// The runtime-spec puts the mask first.
    init(_ index: UInt64, mask: UInt64, equals value: UInt64) {
        self.init(
            index: index, value: mask, valueTwo: value, comparison: "SCMP_CMP_MASKED_EQ")
    }
}
