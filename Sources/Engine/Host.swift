// What this host offers: cgroups, the kernel, the runtime, the seccomp profile. Looked at once.

import Bytes
import Linux
import OCI

final class Host: Sendable {
    let hierarchies: [CgroupHierarchy]
    let traits: HostTraits
    /// Whether processes can be counted and limited here.
    let limitsPids: Bool
    let shimProgram: String
    let seccomp: SeccompCache?
    let info: EngineInfo

    init(_ settings: EngineSettings, _ layout: Layout) throws(EngineFailure) {
        do throws(SystemCallFailure) {
            hierarchies = try Cgroups.hierarchies()
            limitsPids = try Host.limitsPids(hierarchies)
            shimProgram = try RunDirectory.installShim(layout)
            let release = try SystemInfo.kernelRelease()
            let version = try Host.runtimeVersion(settings.runtime, layout)
            let features = try Host.runtimeFeatures(settings.runtime, layout)
            let hasMountAttributes = try Host.hasMountAttributes()
            seccomp = try Host.seccomp(settings.seccomp)
            let isUnified = hierarchies.allSatisfy(\.isUnified)
            traits = HostTraits(
                cgroupNamespace: isUnified,
                limitsSwap: try Host.limitsSwap(hierarchies),
                isSparedFromOOM: try Files.text("/proc/self/oom_score_adj").begins(with: "-"),
                descriptors: SystemInfo.firstDescriptorLimit.map {
                    DescriptorLimit(soft: $0.soft, hard: $0.hard)
                })
            info = EngineInfo(
                runtimePath: settings.runtime, runtimeName: version.name,
                runtimeVersion: version.version, runtimeCommit: version.commit,
                kernelRelease: release,
                cgroup: isUnified
                    ? "v2" : hierarchies.contains { $0.isUnified } ? "hybrid" : "v1",
                hasCgroupKill: hierarchies.contains(where: \.isUnified),
                bootID: try SystemInfo.bootID(),
                seccomp: settings.seccomp, limits: settings.limits,
                nestsCPULimits: hierarchies.contains { !$0.isUnified && $0.has("cpu") },
                recursiveReadOnly: hasMountAttributes
                    && features?.hasRecursiveReadOnly ?? false)
        } catch { throw EngineFailure("\(error)") }
        try Host.claim(hierarchies, settings)
    }

    /// Pods are told from strays by their records, so a parent has one daemon. The mark stands in
    /// one hierarchy; where there is a unified one, in that.
    private static func claim(
        _ hierarchies: [CgroupHierarchy], _ settings: EngineSettings
    ) throws(EngineFailure) {
        guard let place = hierarchies.first(where: \.isUnified) ?? hierarchies.first else {
            throw EngineFailure("no cgroup hierarchy is mounted below /sys/fs/cgroup")
        }
        let parent = place.directory(settings.cgroupParent)
        let owner: String?
        do throws(SystemCallFailure) {
            try Files.makeDirectories(parent, mode: 0o755)
            owner = try Ownership.claim(parent, for: settings.runDirectory)
        } catch { throw EngineFailure("\(error)") }
        guard let owner else { return }
        throw EngineFailure(
            "the cgroup parent \(settings.cgroupParent) belongs to the daemon of \(owner); "
                + "choose another --cgroup-parent")
    }

    /// Whether swap can be limited: v1 shows memory.memsw only where the kernel accounts swap.
    private static func limitsSwap(
        _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> Bool {
        for hierarchy in hierarchies where hierarchy.has("memory") {
            return try Files.exists(hierarchy.mountPoint + "/memory.memsw.limit_in_bytes")
        }
        return true
    }

    private static func limitsPids(
        _ hierarchies: [CgroupHierarchy]
    ) throws(SystemCallFailure) -> Bool {
        for hierarchy in hierarchies {
            if hierarchy.has("pids") { return true }
            guard hierarchy.isUnified else { continue }
            let controllers = try Files.text(hierarchy.mountPoint + "/cgroup.controllers")
            if controllers.upTo("\n").fields(" ").contains("pids") { return true }
        }
        return false
    }

    /// Asks the runtime for its version before anything depends on it.
    private static func runtimeVersion(
        _ path: String, _ layout: Layout
    ) throws(SystemCallFailure) -> RuntimeVersion {
        let said = try answer(to: Runtime(path: path, root: "").versionArguments, layout)
        let text = String(decoding: said, as: UTF8.self)
        guard let version = RuntimeVersion(text) else {
            throw SystemCallFailure(call: "\(path) --version", subject: "says '\(text)'", errno: 8)
        }
        return version
    }

    /// `nil` if the runtime does not know the command, as those of before 2022.
    private static func runtimeFeatures(
        _ path: String, _ layout: Layout
    ) throws(SystemCallFailure) -> RuntimeFeatures? {
        RuntimeFeatures(
            json: try answer(to: Runtime(path: path, root: "").featuresArguments, layout))
    }

    /// mount_setattr(2).
    private static func hasMountAttributes() throws(SystemCallFailure) -> Bool {
        try !SystemInfo.kernelVersion().lexicographicallyPrecedes([5, 12])
    }

    /// What a command prints, through a file.
    private static func answer(
        to arguments: [String], _ layout: Layout
    ) throws(SystemCallFailure) -> [UInt8] {
        let file = layout.settings.runDirectory + "/runtime.version"
        // O_RDWR|O_CREAT|O_TRUNC
        let output = try OwnedDescriptor.opening(file, 0o1102, mode: 0o600)
        let null = try OwnedDescriptor.opening("/dev/null", 2)
        let pid = try Command(arguments).spawn(
            descriptors: [null.number, output.number, null.number])
        if let process = PidDescriptor.opening(pid) { process.waitAndReap() }
        return try Files.read(file)
    }

    /// The filter's cost in the runtime grows with each ABI: one that the kernel does not have is
    /// left out, which permits nothing more.
    private static func seccomp(
        _ choice: SeccompChoice
    ) throws(SystemCallFailure) -> SeccompCache? {
        guard let profile = try profile(choice) else { return nil }
        return SeccompCache(
            profile, on: SystemInfo.isARM ? .arm : .x86, kernel: try SystemInfo.kernelVersion(),
            without: SystemInfo.hasX32 ? [] : ["SCMP_ARCH_X32"])
    }

    private static func profile(
        _ choice: SeccompChoice
    ) throws(SystemCallFailure) -> SeccompProfile? {
        switch choice {
        case .none: return nil
        case .builtIn: return .builtIn
        case .file(let path):
            let json = try Files.read(path, limit: 1 << 20)
            do throws(SeccompFailure) { return try SeccompProfile(json: json) } catch {
                throw SystemCallFailure(call: "read", subject: "\(path): \(error)", errno: 22)
            }
        }
    }
}
