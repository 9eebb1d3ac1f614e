// What the mounted cgroup hierarchies offer here. scripts/cgroups runs tests with other ones.

import Census
import Foundation
import Testing

enum Controllers {
    /// Only the v2 tree is mounted.
    static let areUnified = exists("/sys/fs/cgroup/cgroup.controllers")

    /// Whether the runtime can use the controller.
    static func has(_ name: String) -> Bool {
        if areUnified {
            return (text(of: "/sys/fs/cgroup/cgroup.controllers") ?? "").split { $0.isWhitespace }
                .contains { $0 == name }
        }
        return mounts.contains { $0.type == "cgroup" && $0.options.contains(name) }
    }

    /// The mount point of v1's hierarchy `/NAME`, or of the v2 tree: `/unified`. `nil` if there is
    /// none.
    static func hierarchy(_ name: String) -> String? {
        if areUnified { return name == "/unified" ? "/sys/fs/cgroup" : nil }
        return Census.hierarchies.first { $0.hasSuffix(name) }
    }

    /// Whether the kernel accounts swap.
    static let limitsSwap =
        areUnified
        ? Census.cgroups(of: "").contains { exists($0 + "/memory.swap.max") }
        : hierarchy("/memory").map { exists($0 + "/memory.memsw.limit_in_bytes") } ?? false

    /// With v2 alone crun 1.8.1 raises a limit ("setrlimit (RLIM_MEMLOCK)"), which needs
    /// CAP_SYS_RESOURCE.
    static let areForCrun = !areUnified || canRaiseLimits

    private static let mounts: [(type: String, options: [String])] =
        (text(of: "/proc/self/mounts") ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 3 else { return nil }
            return (words[2], words[3].split(separator: ",").map(String.init))
        }

    private static var canRaiseLimits: Bool {
        let line = (text(of: "/proc/self/status") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("CapEff:") }
        let digits = line?.split(whereSeparator: \.isWhitespace).last ?? ""
        let sysResource: UInt64 = 24  // CAP_SYS_RESOURCE in linux/capability.h
        return (UInt64(digits, radix: 16) ?? 0) >> sysResource & 1 == 1
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests that look at what a controller does.
    static func needsController(_ name: String) -> Self { .enabled(if: Controllers.has(name)) }
}
