// The document that runc makes a task from: config.json of the OCI runtime-spec 1.0.2
// (https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md), with Docker's defaults.

package import Model

/// A task's user after its names were looked up in the rootfs's own passwd and group files.
package struct ResolvedUser: Equatable, Sendable {
    package let uid: UInt32
    package let gid: UInt32
    package let additionalGids: [UInt32]

    package init(uid: UInt32, gid: UInt32, additionalGids: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.additionalGids = additionalGids
    }
}

/// What this host's kernel and runtime offer, found out once.
package struct HostTraits: Equatable, Sendable {
    /// cgroup v2 alone: then the task has a cgroup namespace, as Docker has it.
    package var cgroupNamespace: Bool
    /// Swap is accounted (`memory.memsw.limit_in_bytes` or `memory.swap.max` exists).
    package var limitsSwap: Bool
    /// `rro` is among the runtime's mount options (runc 1.1) and the kernel has mount_setattr(2)
    /// (5.12): then a read-only bind is read-only in all that is mounted below it, too.
    package var recursiveReadOnly: Bool

    package init(cgroupNamespace: Bool, limitsSwap: Bool, recursiveReadOnly: Bool) {
        self.cgroupNamespace = cgroupNamespace
        self.limitsSwap = limitsSwap
        self.recursiveReadOnly = recursiveReadOnly
    }
}

package enum RuntimeSpec {
    /// config.json as UTF-8.
    ///
    /// - Parameters:
    ///   - rootfs: where the task's overlay is mounted, absolute, as runc's starter sees it.
    ///   - cgroupsPath: absolute, below each hierarchy's root.
    ///   - seccomp: `linux.seccomp` as `SeccompProfile` wrote it; `nil` for no filter.
    package static func document(
        for task: TaskSpec, ids: ResolvedUser, rootfs: String, cgroupsPath: String,
        seccomp: [UInt8]?, host: HostTraits
    ) -> [UInt8] {
        let document: Node = [
            "ociVersion": "1.0.2",
            "root": ["path": .string(rootfs), "readonly": .bool(task.readOnlyRootfs)],
            "process": process(task, ids),
            "mounts": .array(standardMounts + mounts(task, host)),
            "linux": linux(task, cgroupsPath, seccomp, host),
        ]
        return document.bytes
    }

    private static func process(_ task: TaskSpec, _ ids: ResolvedUser) -> Node {
        [
            "terminal": false,
            "user": [
                "uid": Node(ids.uid), "gid": Node(ids.gid),
                "additionalGids": .array(ids.additionalGids.map { Node($0) }),
            ],
            "args": Node(strings: task.args),
            "env": Node(strings: environment(task.env)),
            "cwd": .string(task.cwd),
            "capabilities": capabilities(of: task, ids),
            "noNewPrivileges": .bool(task.noNewPrivileges),
        ]
    }

    /// `NAME=value` in the order of the names; Docker's PATH where there is none. HOME is runc's.
    private static func environment(_ env: [String: String]) -> [String] {
        let path = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        return env.merging(path) { given, _ in given }.map { "\($0)=\($1)" }.sorted()
    }

    /// For others than root the bounding set alone, as execve(2) would leave it and as Docker has
    /// it (moby: daemon/pkg/oci/oci.go). Nothing is inheritable or ambient (CVE-2022-24769).
    private static func capabilities(of task: TaskSpec, _ ids: ResolvedUser) -> Node {
        let set = Node(strings: Capabilities.of(task))
        guard ids.uid == 0 else { return ["bounding": set] }
        return ["bounding": set, "effective": set, "permitted": set]
    }

    /// runc is started inside the pod's network, IPC and UTS namespaces, or in the host's network,
    /// and the task stays there: only what is a task's own is listed, and no hostname.
    private static func linux(
        _ task: TaskSpec, _ cgroupsPath: String, _ seccomp: [UInt8]?, _ host: HostTraits
    ) -> Node {
        let namespaces = ["pid", "mount"] + (host.cgroupNamespace ? ["cgroup"] : [])
        var members: [(String, Node)] = [
            ("cgroupsPath", .string(cgroupsPath)),
            ("namespaces", .array(namespaces.map { ["type": .string($0)] })),
            ("resources", resources(task.resources, host)),
            ("maskedPaths", Node(strings: maskedPaths)),
            ("readonlyPaths", Node(strings: readOnlyPaths)),
        ]
        if let seccomp { members.append(("seccomp", .raw(seccomp))) }
        return .object(members.map { Node.Member(key: $0, value: $1) })
    }

    /// All devices are denied; runc itself puts Docker's list of allowed ones behind that.
    private static func resources(_ resources: Resources, _ host: HostTraits) -> Node {
        var members: [(String, Node)] = [("devices", [["allow": false, "access": "rwm"]])]
        if let memory = resources.memory {
            // `swap` is memory and swap together: no swap on top. (Docker allows as much again.)
            members.append(
                (
                    "memory",
                    host.limitsSwap
                        ? ["limit": Node(memory), "swap": Node(memory)] : ["limit": Node(memory)]
                ))
        }
        if let milliCPUs = resources.milliCPUs {
            members.append(("cpu", ["quota": Node(milliCPUs * 100), "period": 100_000]))
        }
        if let pids = resources.pids { members.append(("pids", ["limit": Node(pids)])) }
        return .object(members.map { Node.Member(key: $0, value: $1) })
    }
}
