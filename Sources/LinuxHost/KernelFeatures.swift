// What the kernel offers here. It is read once; `RuntimeWatch` reads what may change.

import Bytes
import Host
import Kernel
import Linux
import Model
import OCI

final class KernelFeatures: Sendable {
    let hierarchies: [CgroupHierarchy]
    let traits: HostTraits
    /// Whether the kernel can count and limit processes here.
    let limitsPids: Bool
    /// The facts that do not change while the daemon runs.
    let info: HostInfo

    init(_ settings: Settings) throws(StartFailure) {
        do throws(SystemCallFailure) {
            hierarchies = try Cgroups.hierarchies()
            limitsPids = try KernelFeatures.has("pids", hierarchies)
            let isUnified = hierarchies.allSatisfy(\.isUnified)
            var traits = HostTraits(
                cgroupNamespace: isUnified,
                limitsSwap: try KernelFeatures.limitsSwap(hierarchies),
                isSparedFromOOM: try Files.text("/proc/self/oom_score_adj").begins(with: "-"),
                descriptors: SystemInfo.firstDescriptorLimit.map {
                    DescriptorLimit(soft: $0.soft, hard: $0.hard)
                })
            let own = try OwnProcess.capabilities()
            traits.withheldCapabilities = Set(
                Capabilities.all.enumerated().filter { own >> UInt64($0.offset) & 1 == 0 }
                    .map(\.element))
            traits.hasAppArmor = try KernelFeatures.hasAppArmor()
            traits.hugepageSizes = try KernelFeatures.hugepageSizes(hierarchies)
            self.traits = traits
            var info = HostInfo(
                runtimes: settings.runtimes.map { RuntimeInfo(name: $0.name, path: $0.program) },
                kernelRelease: try SystemInfo.kernelRelease(),
                cgroup: isUnified
                    ? "v2" : hierarchies.contains { $0.isUnified } ? "hybrid" : "v1",
                hasCgroupKill: hierarchies.contains(where: \.isUnified),
                bootID: try SystemInfo.bootID(),
                seccomp: settings.seccomp,
                nestsCPULimits: hierarchies.contains { !$0.isUnified && $0.has("cpu") },
                hasMountAttributes: try KernelFeatures.hasMountAttributes(),
                daemonPID: OwnProcess.pid)
            info.hasAppArmor = traits.hasAppArmor
            info.withheldCapabilities = traits.withheldCapabilities
            info.limitsSwap = traits.limitsSwap
            info.hugepageSizes = traits.hugepageSizes
            if traits.withheldCapabilities.contains("SYS_RESOURCE") {
                // The score that the daemon was started with is the least that it may set.
                let score = try Files.text("/proc/self/oom_score_adj").upTo("\n")
                info.leastOOMScoreAdj = Int64(score) ?? 0
                for (number, type) in ProcessLimit.types.enumerated() {
                    info.hardLimits[type] = OwnProcess.hardLimit(CInt(number))
                }
            }
            self.info = info
        } catch { throw StartFailure("\(error)") }
        try KernelFeatures.claim(hierarchies, settings)
    }

    /// Marks the parent cgroup as ours. A parent has one daemon, because only the records
    /// distinguish pods from orphans. The mark exists in one hierarchy, in the unified one if there
    /// is one.
    private static func claim(
        _ hierarchies: [CgroupHierarchy], _ settings: Settings
    ) throws(StartFailure) {
        guard let place = hierarchies.first(where: \.isUnified) ?? hierarchies.first else {
            throw StartFailure("no cgroup hierarchy is mounted below /sys/fs/cgroup")
        }
        let parent = place.directory(settings.cgroupParent)
        let owner: String?
        do throws(SystemCallFailure) {
            try Files.makeDirectories(parent, mode: 0o755)
            owner = try Ownership.claim(parent, for: settings.runDirectory)
        } catch { throw StartFailure("\(error)") }
        guard let owner else { return }
        throw StartFailure(
            "the cgroup parent \(settings.cgroupParent) belongs to the daemon of \(owner); "
                + "choose another --cgroup-parent")
    }

    /// Whether the kernel has AppArmor, and the boot did not turn it off.
    private static func hasAppArmor() throws(SystemCallFailure) -> Bool {
        let path = "/sys/module/apparmor/parameters/enabled"
        guard try Files.exists(path) else { return false }
        return try Files.text(path).begins(with: "Y")
    }

    /// Whether swap can be limited. v1 shows memory.memsw only if the kernel accounts swap.
    private static func limitsSwap(
        _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> Bool {
        for hierarchy in hierarchies where hierarchy.has("memory") {
            return try Files.exists(hierarchy.mountPoint + "/memory.memsw.limit_in_bytes")
        }
        return true
    }

    /// Whether the runtime can use the controller. Beside v1's hierarchies runc does not use the
    /// controllers of the unified one.
    private static func has(
        _ controller: String, _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> Bool {
        let isUnified = hierarchies.allSatisfy(\.isUnified)
        for hierarchy in hierarchies {
            if hierarchy.has(controller) { return true }
            guard isUnified else { continue }
            let controllers = try Files.text(hierarchy.mountPoint + "/cgroup.controllers")
            if controllers.upTo("\n").fields(" ").contains(controller) { return true }
        }
        return false
    }

    /// `hugepages-2048kB` is the page size `2MB` of the controller (mm/hugetlb_cgroup.c).
    private static func hugepageSizes(
        _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> Set<String> {
        guard try has("hugetlb", hierarchies) else { return [] }
        let names = try Files.names(in: "/sys/kernel/mm/hugepages")
        return Set(
            names.compactMap { name in
                guard let kilobytes = name.after("hugepages-")?.before("kB").flatMap({ Int($0) })
                else { return nil }
                if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
                return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
            })
    }

    /// Whether the kernel has mount_setattr(2).
    private static func hasMountAttributes() throws(SystemCallFailure) -> Bool {
        try !SystemInfo.kernelVersion().lexicographicallyPrecedes([5, 12])
    }
}
