// The document from which runc creates a task: config.json of the OCI runtime-spec 1.0.2
// (https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md), with Docker's defaults.

import Bytes
import JSON
package import Kernel
package import Model

/// The features of this host's kernel and runtime, determined once.
package struct HostTraits: Equatable, Sendable {
    /// Only cgroup v2 is mounted: then the task gets a cgroup namespace, as in Docker.
    package var cgroupNamespace: Bool
    /// The sizes of huge pages that can be limited, as the kernel writes them: `2MB`.
    package var hugepageSizes: Set<String> = []

    /// Swap is accounted (`memory.memsw.limit_in_bytes` or `memory.swap.max` exists).
    package var limitsSwap: Bool

    /// The OOM killer spares the daemon and its children (a negative oom_score_adj from the
    /// daemon's unit). Tasks must not inherit that.
    package var isSparedFromOOM: Bool

    /// The capabilities that the daemon lacks, without `CAP_`.
    package var withheldCapabilities: Set<String> = []

    /// Whether AppArmor is in force.
    package var hasAppArmor = false

    /// RLIMIT_NOFILE for a task. Otherwise the task has the daemon's raised limit, raised once more
    /// by runc's Go runtime. Programs that loop over all possible descriptors then take seconds.
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
    ///   - task: its mounts are in the order of mounting (`inOrder`).
    ///   - pod: the pod of the task, with its folders.
    ///   - rootfs: the mount point of the task's overlay, absolute, in the namespace of runc's
    ///     starter.
    ///   - cgroupsPath: absolute, below each hierarchy's root.
    ///   - sharedMemory: the directory that is the task's /dev/shm.
    ///   - pidNamespace: the path of a PID namespace that the task joins; `nil` for one of its own,
    ///     or for the host's if the pod's spec says so.
    ///   - files: files of the pod that the task cannot change.
    ///   - seccomp: `linux.seccomp` as `SeccompProfile` wrote it; `nil` for no filter.
    ///   - compiled: the same as a program in base64, for a runtime that `takesCompiledFilters`.
    ///   - devices: those of the task's spec, or of the whole host if the task is privileged.
    package static func document(
        for task: TaskSpec, in pod: PodSpec, _ folders: PodFolders, ids: ResolvedUser,
        rootfs: String, cgroupsPath: String, sharedMemory: String, pidNamespace: String? = nil,
        files: [BoundFile] = [], seccomp: [UInt8]?, compiled: String? = nil,
        devices: [DeviceNode] = [], host: HostTraits
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 16_384)
        writer.beginObject()
        writer.member("ociVersion", "1.0.2")
        writer.object("root") {
            $0.member("path", rootfs)
            $0.member("readonly", task.readOnlyRootfs)
        }
        writer.object("process") { process(task, ids, host, to: &$0) }
        // In the given order, because the targets were resolved in it.
        let mounts =
            standardMounts(sharedMemory, isPrivileged: task.security.isPrivileged)
            + task.mounts.map { own($0, source: pod.source(of: $0, in: folders)) }
            + files.map(bound)
        writer.list("mounts", mounts) { $1.write(to: &$0) }
        writer.object("linux") {
            linux(task, pod, pidNamespace, cgroupsPath, seccomp, devices, host, to: &$0)
        }
        if let compiled {
            writer.object("annotations") { $0.member("run.oci.seccomp_bpf_data", compiled) }
        }
        writer.endObject()
        return writer.finish().bytes
    }

    /// The process of an exec in the task: the task's own, with another program. It has no user,
    /// and lacks its last brace. Other users than root have other capabilities.
    package static func process(
        of exec: ExecSpec, in task: TaskSpec, host: HostTraits
    ) -> (asRoot: [UInt8], asOther: [UInt8]) {
        var task = task
        task.args = exec.args
        task.env.merge(exec.env) { _, given in given }
        task.cwd = exec.cwd ?? task.cwd
        if exec.terminal != nil { task.env = withTerminalName(task.env) }
        func document(_ uid: UInt32) -> [UInt8] {
            var writer = JSONWriter(capacity: 4096)
            writer.beginObject()
            terminal(exec.terminal, to: &writer)
            let ids = ResolvedUser(uid: uid, gid: 0, additionalGIDs: [])
            processMembers(task, ids, host, to: &writer)
            writer.endObject()
            return Array(writer.finish().bytes.dropLast())
        }
        return (document(0), document(1))
    }

    private static func process(
        _ task: TaskSpec, _ ids: ResolvedUser, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        var task = task
        if task.tty { task.env = withTerminalName(task.env) }
        terminal(task.tty ? .usual : nil, to: &writer)
        writer.object("user") {
            $0.member("uid", UInt64(ids.uid))
            $0.member("gid", UInt64(ids.gid))
            $0.member("umask", UInt64(task.security.umask))
            $0.list("additionalGids", ids.additionalGIDs) { $0.value(UInt64($1)) }
        }
        processMembers(task, ids, host, to: &writer)
    }

    /// All but the user.
    private static func processMembers(
        _ task: TaskSpec, _ ids: ResolvedUser, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        writer.member("args", task.args)
        writer.member("env", environment(task.env))
        writer.member("cwd", task.cwd)
        writer.object("capabilities") { capabilities(of: task, ids, host, to: &$0) }
        writer.member("noNewPrivileges", task.noNewPrivileges)
        // Without AppArmor everything is unconfined, and the runtime refuses any name.
        if let profile = task.security.apparmor, host.hasAppArmor {
            writer.member("apparmorProfile", profile)
        }
        // Every process may raise its value; a task of a spared daemon must not be spared.
        if let score = task.resources.oomScoreAdj ?? (host.isSparedFromOOM ? 0 : nil) {
            writer.member("oomScoreAdj", score)
        }
        let limits = processLimits(of: task, host)
        guard !limits.isEmpty else { return }
        writer.list("rlimits", limits) { writer, limit in
            writer.beginObject()
            writer.member("type", limit.type)
            writer.member("hard", limit.hard)
            writer.member("soft", limit.soft)
            writer.endObject()
        }
    }

    /// The task's limits, and the host's of descriptors if the task has none.
    package static func processLimits(
        of task: TaskSpec, _ host: HostTraits
    ) -> [ProcessLimit] {
        let own = task.security.rlimits
        let name = "RLIMIT_NOFILE"
        guard let limit = host.descriptors, !own.contains(where: { $0.type == name }) else {
            return own
        }
        return own + [ProcessLimit(type: name, soft: limit.soft, hard: limit.hard)]
    }

    private static func terminal(_ size: TerminalSize?, to writer: inout JSONWriter) {
        writer.member("terminal", size != nil)
        guard let size else { return }
        writer.object("consoleSize") {
            $0.member("height", UInt64(size.rows))
            $0.member("width", UInt64(size.columns))
        }
    }

    /// As Docker has it: without the name, programs take the terminal for a dumb one.
    private static func withTerminalName(_ env: [String: String]) -> [String: String] {
        env.merging(["TERM": "xterm"]) { given, _ in given }
    }

    /// `NAME=value`, sorted by name; Docker's PATH if there is none. runc sets HOME.
    private static func environment(_ env: [String: String]) -> [String] {
        let path = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        return env.merging(path) { given, _ in given }.map { "\($0)=\($1)" }.sorted()
    }

    /// Users other than root get only the bounding set, as after execve(2) and as in Docker (moby:
    /// daemon/pkg/oci/oci.go). Only ambient capabilities are inheritable (CVE-2022-24769); users
    /// other than root also keep those (capabilities(7)).
    private static func capabilities(
        of task: TaskSpec, _ ids: ResolvedUser, _ host: HostTraits, to writer: inout JSONWriter
    ) {
        let set = Capabilities.of(task, without: host.withheldCapabilities)
        let ambient = Capabilities.ambient(task, without: host.withheldCapabilities)
        let own = ids.uid == 0 ? set : ambient
        writer.member("bounding", set)
        if !own.isEmpty {
            writer.member("effective", own)
            writer.member("permitted", own)
        }
        if !ambient.isEmpty {
            writer.member("inheritable", ambient)
            writer.member("ambient", ambient)
        }
    }

    /// How the runtime changes its own mounts before it makes the task's. crun makes all private by
    /// default, also the sources, and runc makes them slaves. With `shared` both leave those below
    /// the root as they are, and none but the shared sources propagates to the host.
    private static func rootPropagation(_ mounts: [MountSpec]) -> String? {
        if mounts.contains(where: { $0.propagation == .shared }) { return "shared" }
        return mounts.contains { $0.propagation == .slave } ? "rslave" : nil
    }

    /// runc starts inside the pod's network, IPC and UTS namespaces, or in the host's network, and
    /// the task stays there. So only the task's own namespaces are listed, and no hostname.
    private static func linux(
        _ task: TaskSpec, _ pod: PodSpec, _ pidNamespace: String?, _ cgroupsPath: String,
        _ seccomp: [UInt8]?, _ devices: [DeviceNode],
        _ host: HostTraits, to writer: inout JSONWriter
    ) {
        let namespaces =
            (pod.hostPID ? [] : ["pid"]) + ["mount"] + (host.cgroupNamespace ? ["cgroup"] : [])
        writer.member("cgroupsPath", cgroupsPath)
        if let propagation = rootPropagation(task.mounts) {
            writer.member("rootfsPropagation", propagation)
        }
        writer.list("namespaces", namespaces) {
            $0.beginObject()
            $0.member("type", $1)
            if let pidNamespace, $1 == "pid" { $0.member("path", pidNamespace) }
            $0.endObject()
        }
        writer.object("resources") {
            deviceRules(devices, isPrivileged: task.security.isPrivileged, to: &$0)
            resources(task.resources, host, to: &$0)
        }
        if !devices.isEmpty { writer.list("devices", devices) { $1.write(to: &$0) } }
        writer.member("maskedPaths", task.security.maskedPaths ?? maskedPaths)
        writer.member("readonlyPaths", task.security.readOnlyPaths ?? readOnlyPaths)
        if let seccomp {
            writer.key("seccomp")
            writer.raw(seccomp)
        }
    }
}
