// The built-in profile's rules that look at arguments: new namespaces and sockets.
//
// A filter sees the whole register of 64 bits, the kernel takes 32 of them for an int: a rule that
// permits "anything but 40" would let 2^32 + 40 through, and the kernel would see 40. So what is
// permitted is named, and what is denied gets its errno.

extension DefaultRules {
    private static let admin = SeccompProfile.Condition(capabilities: ["CAP_SYS_ADMIN"])

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (clone(2)). In clone the
    /// bit of NEWTIME belongs to the signal, so only unshare(2) and clone3(2) have it.
    private static let namespaceBits: [UInt64] =
        [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]
    private static let newTime: UInt64 = 0x80

    /// New namespaces are for CAP_SYS_ADMIN alone: a user namespace gives anybody every capability
    /// inside of it, and with them most of the kernel. clone3's flags are behind a pointer; where
    /// it answers ENOSYS the C libraries call clone.
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
    /// KCM, QIPCRTR, SMC, XDP and MCTP (socket(2)); the next ones are not known yet.
    private static let aboveVsock: [UInt64] = [41, 42, 43, 44, 45]
    /// NETLINK_AUDIT.
    private static let audit: UInt64 = 9

    /// AF_VSOCK leads to the hypervisor's host and knows no network namespace. Audit sockets of a
    /// task that may not write there answer EINVAL: login programs go on without, as they do on a
    /// kernel that has no audit.
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

    /// The runtime-spec has the mask first.
    init(_ index: UInt64, mask: UInt64, equals value: UInt64) {
        self.init(
            index: index, value: mask, valueTwo: value, comparison: "SCMP_CMP_MASKED_EQ")
    }
}
