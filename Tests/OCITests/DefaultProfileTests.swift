// The built-in profile compared with containers-common's. A list contains the differences, with
// reasons.

import Foundation
import JSON
import Model
import Testing

@testable import OCI

/// A filter as the kernel has it. The answer to each call is `allow` or an errno.
private struct Filter {
    private let rules: [String: [JSONValue]]
    private let otherwise: String

    init(_ document: JSONValue) {
        var rules: [String: [JSONValue]] = [:]
        for rule in document["syscalls"]?.elements ?? [] {
            for name in rule["names"]?.strings ?? [] { rules[name, default: []].append(rule) }
        }
        self.rules = rules
        otherwise = verdict(document["defaultAction"], document["defaultErrnoRet"])
    }

    func answer(_ name: String, _ args: [UInt64]) -> String {
        let rule = rules[name]?.first { rule in
            (rule["args"]?.elements ?? []).allSatisfy { isMet($0, args) }
        }
        return rule.map { verdict($0["action"], $0["errnoRet"]) } ?? otherwise
    }
}

private func verdict(_ action: JSONValue?, _ errno: JSONValue?) -> String {
    action == "SCMP_ACT_ALLOW" ? "allow" : "\(errno?.integer ?? 1)"
}

/// The comparison of seccomp_rule_add(3).
private func isMet(_ condition: JSONValue, _ args: [UInt64]) -> Bool {
    func number(_ name: String) -> UInt64 { UInt64(condition[name]?.integer ?? 0) }
    let argument = args[Int(number("index"))]
    switch condition["op"]?.string {
    case "SCMP_CMP_EQ": return argument == number("value")
    case "SCMP_CMP_NE": return argument != number("value")
    case "SCMP_CMP_LT": return argument < number("value")
    case "SCMP_CMP_MASKED_EQ": return argument & number("value") == number("valueTwo")
    default: preconditionFailure("\(condition)")
    }
}

/// A deliberate difference of the built-in profile.
private struct Difference {
    let names: String
    let ours: String
    let theirs: String
    let reason: String
    /// With any of these capabilities there is no such difference.
    var unless: [String] = []
    /// Only with one of these capabilities does the difference exist.
    var with: [String] = []
    var arguments: @Sendable ([UInt64]) -> Bool = { _ in true }

    static let namespaceBits: UInt64 = 0x7e02_0000

    static let all = [
        Difference(
            names: "keyctl", ours: "38", theirs: "allow",
            reason: "the keyrings of a user are shared by all pods, and with the host"),
        Difference(
            names: "clone", ours: "1", theirs: "allow", reason: userNamespaces,
            unless: ["SYS_ADMIN"], arguments: { $0[0] & namespaceBits != 0 }),
        Difference(
            names: "unshare", ours: "1", theirs: "allow", reason: userNamespaces,
            unless: ["SYS_ADMIN"], arguments: { $0[0] & (namespaceBits | 0x80) != 0 }),
        Difference(
            names: "clone3", ours: "38", theirs: "allow",
            reason: userNamespaces + "; its flags are out of sight", unless: ["SYS_ADMIN"]),
        Difference(
            names: """
                setns mount umount umount2 pivot_root mount_setattr move_mount open_tree fsopen
                fsconfig fsmount fspick
                """, ours: "1", theirs: "allow",
            reason: "the kernel says the same, later", unless: ["SYS_ADMIN"]),
        Difference(
            names: "reboot", ours: "1", theirs: "allow", reason: "the kernel says the same",
            unless: ["SYS_BOOT"]),
        Difference(
            names: "syslog", ours: "1", theirs: "allow",
            reason: "the host's messages, where dmesg_restrict is off",
            unless: ["SYS_ADMIN", "SYSLOG"]),
        Difference(
            names: "bpf", ours: "allow", theirs: "1", reason: "Linux 5.8 split the capability",
            unless: ["SYS_ADMIN"], with: ["BPF"]),
        Difference(
            names: "perf_event_open", ours: "allow", theirs: "1",
            reason: "Linux 5.8 split the capability", unless: ["SYS_ADMIN"], with: ["PERFMON"]),
        Difference(
            names: "quotactl_fd", ours: "allow", theirs: "38", reason: "as quotactl",
            with: ["SYS_ADMIN"]),
        Difference(
            names: "quotactl_fd", ours: "1", theirs: "38", reason: "as quotactl",
            unless: ["SYS_ADMIN"]),
        Difference(
            names: """
                cachestat fchmodat2 futex_wait futex_waitv futex_wake futex_requeue map_shadow_stack
                mseal statmount listmount getxattrat setxattrat listxattrat removexattrat
                file_getattr file_setattr uretprobe set_mempolicy_home_node io_pgetevents_time64
                """, ours: "allow", theirs: "38",
            reason: "younger than that profile, and no more than an older call gives"),
        Difference(
            names: "io_pgetevents", ours: "allow", theirs: "1", reason: "as io_getevents"),
        Difference(
            names: "epoll_ctl_old epoll_wait_old timerfd syscall", ours: "38", theirs: "allow",
            reason: "no kernel has them, and ENOSYS is what it says"),
        Difference(
            names: """
                bdflush nfsservctl nice oldfstat oldlstat oldolduname oldstat olduname
                pciconfig_iobase pciconfig_read pciconfig_write sgetmask ssetmask swapcontext sysfs
                uselib ustat vm86 vm86old
                """, ours: "38", theirs: "1",
            reason: "obsolete: kernels lack them, or may, and each rule costs every task's start"),
        Difference(
            names: "socket", ours: "97", theirs: "allow",
            reason: "AF_VSOCK leads to the hypervisor, out of every network namespace",
            arguments: { $0[0] == 40 }),
        Difference(
            names: "socket", ours: "38", theirs: "allow",
            reason: "a family that is not known, or 40 with bits that the kernel does not see",
            arguments: { $0[0] > 45 }),
        Difference(
            names: "socket", ours: "38", theirs: "allow",
            reason: "no such family has a protocol 9", unless: ["AUDIT_WRITE"],
            arguments: { (17..<40).contains($0[0]) && $0[2] == 9 }),
    ]

    static let userNamespaces = "in a user namespace any process has all capabilities"

    func holds(_ name: String, _ args: [UInt64], _ capabilities: [String]) -> Bool {
        DefaultCalls.words(names).contains(name) && arguments(args)
            && !unless.contains { capabilities.contains("CAP_" + $0) }
            && (with.isEmpty || with.contains { capabilities.contains("CAP_" + $0) })
    }
}

@Suite struct DefaultProfileTests {
    let theirs: SeccompProfile

    init() throws {
        let path = "/usr/share/containers/seccomp.json"
        theirs = try SeccompProfile(json: Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    }

    /// The arguments to test for these calls. For all other calls they do not matter.
    static let probes: [String: [[UInt64]]] = [
        "personality": [0, 1, 8, 0x2_0000, 0x2_0008, 0x4_0000, 0xffff_ffff, .max].map {
            [$0, 0, 0]
        },
        "clone": flags, "unshare": flags + [[0x80, 0, 0]],
        "socket": [0, 1, 2, 15, 16, 17, 29, 39, 40, 41, 45, 46, 99, (1 << 32) + 40].flatMap {
            [[$0, 1, 0], [$0, 3, 9], [$0, 3, 16]]
        },
    ]

    static let flags: [[UInt64]] =
        [[17, 0, 0], [0x3d_0f00, 0, 0], [0x1200_0011, 0, 0]]
        + (17..<32).filter { Difference.namespaceBits >> UInt64($0) & 1 == 1 }
        .map { [1 << UInt64($0) | 17, 0, 0] }

    /// No capabilities, Docker's, all, and each alone that a rule asks for.
    static let sets: [[String]] =
        [[], Capabilities.standard, Capabilities.all]
        + Set(SeccompProfile.builtIn.rules.flatMap(\.includes.capabilities)).sorted()
        .map { [String($0.dropFirst("CAP_".count))] }

    @Test(
        "every difference of the built-in profile to containers-common's is intended",
        arguments: sets)
    func differencesAreNamed(names: [String]) throws {
        let capabilities = names.map { "CAP_" + $0 }
        for architecture in [SeccompProfile.Architecture.x86, .arm] {
            func document(_ profile: SeccompProfile) throws -> JSONValue {
                try parsed(
                    profile.document(capabilities: capabilities, on: architecture, kernel: [6, 1]))
            }
            let (own, other) = (try document(.builtIn), try document(theirs))
            #expect(own["architectures"] == other["architectures"])
            let (mine, others) = (Filter(own), Filter(other))
            for name in Set((SeccompProfile.builtIn.rules + theirs.rules).flatMap(\.names)) {
                for args in DefaultProfileTests.probes[name] ?? [[0, 0, 0]] {
                    let (ours, theirs) = (mine.answer(name, args), others.answer(name, args))
                    let expected = Difference.all.first { $0.holds(name, args, capabilities) }
                    if ours == expected?.ours ?? theirs, theirs == expected?.theirs ?? theirs {
                        continue
                    }
                    Issue.record("\(name)\(args), \(architecture.name): \(ours), \(theirs)")
                }
            }
        }
    }

    @Test("no system call is named twice")
    func isWellFormed() throws {
        let twice = Dictionary(grouping: DefaultCalls.permitted, by: \.self).filter {
            $1.count > 1
        }
        #expect(twice.isEmpty)
        #expect(Set(DefaultCalls.permitted).isDisjoint(with: DefaultRules.denied))
    }
}
