// The document that runc makes a task from: config.json of the OCI runtime-spec 1.0.2
// (https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md), with Docker's defaults.

import Bytes
import JSON
package import Model

/// A task's user after its names were looked up in the rootfs's own passwd and group files.
package struct ResolvedUser: Equatable, Sendable {
    package let uid: UInt32
    package let gid: UInt32
    package let additionalGIDs: [UInt32]

    package init(uid: UInt32, gid: UInt32, additionalGIDs: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.additionalGIDs = additionalGIDs
    }
}

/// What this host's kernel and runtime offer, found out once.
package struct HostTraits: Equatable, Sendable {
    /// cgroup v2 alone: then the task has a cgroup namespace, as Docker has it.
    package var cgroupNamespace: Bool
    /// Swap is accounted (`memory.memsw.limit_in_bytes` or `memory.swap.max` exists).
    package var limitsSwap: Bool

    /// The daemon, and so what it starts, is spared by the OOM killer (a negative oom_score_adj, as
    /// its unit gives it): that is not for tasks.
    package var isSparedFromOOM: Bool

    /// RLIMIT_NOFILE for a task. Without one it has what the daemon has taken for itself and runc's
    /// Go runtime raises once more, and programs that go through all descriptors there may be take
    /// seconds for it.
    package var descriptors: DescriptorLimit?

    package init(
        cgroupNamespace: Bool, limitsSwap: Bool, isSparedFromOOM: Bool = false,
        descriptors: DescriptorLimit? = nil
    ) {
        self.descriptors = descriptors
        self.cgroupNamespace = cgroupNamespace
        self.limitsSwap = limitsSwap
        self.isSparedFromOOM = isSparedFromOOM
    }
}

/// getrlimit(2).
package struct DescriptorLimit: Equatable, Sendable {
    package var soft: UInt64
    package var hard: UInt64

    package init(soft: UInt64, hard: UInt64) {
        self.soft = soft
        self.hard = hard
    }
}

package enum RuntimeSpec {
    /// config.json as UTF-8.
    ///
    /// - Parameters:
    ///   - task: its mounts in the order in which they are to be made (`inOrder`).
    ///   - rootfs: where the task's overlay is mounted, absolute, as runc's starter sees it.
    ///   - cgroupsPath: absolute, below each hierarchy's root.
    ///   - sharedMemory: the directory that is the task's /dev/shm.
    ///   - seccomp: `linux.seccomp` as `SeccompProfile` wrote it; `nil` for no filter.
    package static func document(
        for task: TaskSpec, ids: ResolvedUser, rootfs: String, cgroupsPath: String,
        sharedMemory: String, seccomp: [UInt8]?, host: HostTraits
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 16_384)
        writer.beginObject()
        writer.member("ociVersion", "1.0.2")
        writer.object("root") {
            $0.member("path", rootfs)
            $0.member("readonly", task.readOnlyRootfs)
        }
        writer.object("process") { process(task, ids, host, to: &$0) }
        // As they are given: the targets have been looked up in this order.
        let mounts = standardMounts(sharedMemory) + task.mounts.map { own($0) }
        writer.list("mounts", mounts) { $1.write(to: &$0) }
        writer.object("linux") { linux(task, cgroupsPath, seccomp, host, to: &$0) }
        writer.endObject()
        return writer.finish().bytes
    }

    private static func process(
        _ task: TaskSpec, _ ids: ResolvedUser, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        writer.member("terminal", false)
        writer.object("user") {
            $0.member("uid", UInt64(ids.uid))
            $0.member("gid", UInt64(ids.gid))
            $0.list("additionalGids", ids.additionalGIDs) { $0.value(UInt64($1)) }
        }
        writer.member("args", task.args)
        writer.member("env", environment(task.env))
        writer.member("cwd", task.cwd)
        writer.object("capabilities") { capabilities(of: task, ids, to: &$0) }
        writer.member("noNewPrivileges", task.noNewPrivileges)
        // Upwards it is permitted to everyone; a task below one that is spared is not.
        if host.isSparedFromOOM { writer.member("oomScoreAdj", UInt64(0)) }
        guard let limit = host.descriptors else { return }
        writer.list("rlimits", ["RLIMIT_NOFILE"]) { writer, name in
            writer.beginObject()
            writer.member("type", name)
            writer.member("hard", limit.hard)
            writer.member("soft", limit.soft)
            writer.endObject()
        }
    }

    /// `NAME=value` in the order of the names; Docker's PATH where there is none. HOME is runc's.
    private static func environment(_ env: [String: String]) -> [String] {
        let path = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        return env.merging(path) { given, _ in given }.map { "\($0)=\($1)" }.sorted()
    }

    /// For others than root the bounding set alone, as execve(2) would leave it and as Docker has
    /// it (moby: daemon/pkg/oci/oci.go). Nothing is inheritable or ambient (CVE-2022-24769).
    private static func capabilities(
        of task: TaskSpec, _ ids: ResolvedUser, to writer: inout JSONWriter
    ) {
        let set = Capabilities.of(task)
        writer.member("bounding", set)
        guard ids.uid == 0 else { return }
        writer.member("effective", set)
        writer.member("permitted", set)
    }

    /// runc is started inside the pod's network, IPC and UTS namespaces, or in the host's network,
    /// and the task stays there: only what is a task's own is listed, and no hostname.
    private static func linux(
        _ task: TaskSpec, _ cgroupsPath: String, _ seccomp: [UInt8]?, _ host: HostTraits,
        to writer: inout JSONWriter
    ) {
        let namespaces = ["pid", "mount"] + (host.cgroupNamespace ? ["cgroup"] : [])
        writer.member("cgroupsPath", cgroupsPath)
        writer.list("namespaces", namespaces) {
            $0.beginObject()
            $0.member("type", $1)
            $0.endObject()
        }
        writer.object("resources") { resources(task.resources, host, to: &$0) }
        writer.member("maskedPaths", maskedPaths)
        writer.member("readonlyPaths", readOnlyPaths)
        if let seccomp {
            writer.key("seccomp")
            writer.raw(seccomp)
        }
    }

    /// All devices are denied; runc itself puts Docker's list of allowed ones behind that.
    private static func resources(
        _ resources: Resources, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        writer.list("devices", ["rwm"]) {
            $0.beginObject()
            $0.member("allow", false)
            $0.member("access", $1)
            $0.endObject()
        }
        if let memory = resources.memory {
            writer.object("memory") {
                $0.member("limit", memory)
                // Memory and swap together: no swap on top. (Docker allows as much again.)
                if host.limitsSwap { $0.member("swap", memory) }
            }
        }
        if let milliCPUs = resources.milliCPUs {
            writer.object("cpu") {
                $0.member("quota", milliCPUs * 100)
                $0.member("period", 100_000)
            }
        }
        if let pids = resources.pids { writer.object("pids") { $0.member("limit", pids) } }
    }
}
