// A client's request, with every default filled in.

import Bytes
package import Kernel

/// The requested form of a pod.
package struct PodSpec: Equatable, Sendable {
    /// Names and values, which clients choose and lists can select. `Documents` limits them.
    package var labels: [String: String]
    /// Other names and values, which clients choose. They cannot be selected.
    package var annotations: [String: String]
    /// The UTS namespace's host name; by default the pod's name.
    package var hostname: String
    /// The name of the OCI runtime that makes all tasks; `nil` in a request means the
    /// daemon's default, and in a record of an older version too.
    package var runtime: String?
    /// The network of all tasks.
    package var network: PodNetwork
    /// The cgroup of the host below which the tasks' cgroups are, by its path from the root of each
    /// hierarchy; `nil` if they are below the daemon's own. Others limit it, kill what is in it,
    /// and remove it.
    package var cgroupParent: String?
    /// The resolver of all tasks.
    package var dns: DNSSpec
    /// Entries of the tasks' hosts file, after those of the pod itself.
    package var hosts: [HostEntry]
    /// The size of the tasks' `/dev/shm` in bytes.
    package var shmSize: Int64
    /// Values of sysctl(8), by name. Each belongs to a namespace of the pod.
    package var sysctls: [String: String]
    /// Whether the tasks see the host's processes, and have no PID namespace of their own.
    package var hostPID: Bool
    /// Whether the tasks share one PID namespace. Its first process is none of theirs.
    package var sharePID: Bool
    /// Whether the tasks are in the host's IPC namespace, and have its `/dev/shm`.
    package var hostIPC: Bool
    /// The limits of all tasks together.
    package var resources: Resources
    /// Milliseconds after the exit of the last task, after which the pod is deleted; `nil` if only
    /// a client deletes it.
    package var ttlAfterExit: Int64?
    /// In the order of the volumes' names.
    package var volumes: [VolumeSpec]
    /// In the order of the tasks' names.
    package var tasks: [TaskSpec]

    package init(
        labels: [String: String] = [:], annotations: [String: String] = [:], hostname: String,
        network: PodNetwork = .none, dns: DNSSpec = DNSSpec(), hosts: [HostEntry] = [],
        shmSize: Int64 = defaultShmSize, sysctls: [String: String] = [:], hostPID: Bool = false,
        sharePID: Bool = false,
        hostIPC: Bool = false, resources: Resources = Resources(), volumes: [VolumeSpec] = [],
        tasks: [TaskSpec] = []
    ) {
        self.labels = labels
        self.annotations = annotations
        self.hostname = hostname
        self.network = network
        self.dns = dns
        self.hosts = hosts
        self.shmSize = shmSize
        self.sysctls = sysctls
        self.hostPID = hostPID
        self.sharePID = sharePID
        self.hostIPC = hostIPC
        self.resources = resources
        self.volumes = volumes
        self.tasks = tasks
    }

    /// Bytes. It is the default of Docker and podman.
    package static let defaultShmSize: Int64 = 67_108_864

    /// Whether the label has that value, byte for byte.
    package func hasLabel(_ key: String, _ value: String) -> Bool {
        guard let index = labels.index(forKey: key) else { return false }
        return labels[index].key.isSame(as: key) && labels[index].value.isSame(as: value)
    }
}

extension PodSpec {
    /// Whether the text can be the name of a runtime: see `runtimeNameRule`.
    package static func isRuntimeName(_ text: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard (1...64).contains(text.utf8.count) else { return false }
        return text.utf8.first.map(isAlphanumeric) ?? false
            && text.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    }

    /// The rule, for people.
    package static let runtimeNameRule =
        "a runtime's name: at most 64 letters, digits, '.', '_' and '-', with a letter or digit "
        + "first"
}

/// Limits; `nil` if we set no limit.
package struct Resources: Equatable, Sendable {
    /// In bytes.
    package var memory: Int64?
    /// In thousandths of a CPU.
    package var milliCPUs: Int64?
    /// The number of processes and threads.
    package var pids: Int64?

    package init(memory: Int64? = nil, milliCPUs: Int64? = nil, pids: Int64? = nil) {
        self.memory = memory
        self.milliCPUs = milliCPUs
        self.pids = pids
    }
}

/// The requested form of a task (an OCI container).
package struct TaskSpec: Equatable, Sendable {
    /// The name, which is unique in the pod.
    package var name: Label
    /// Names and values, which clients choose, as those of a pod.
    package var labels: [String: String] = [:]
    /// Other names and values, which clients choose.
    package var annotations: [String: String] = [:]
    /// An absolute path on the host. It is the lowest layer of the task's own overlay.
    package var rootfs: String
    /// Whether the task cannot write to its rootfs.
    package var readOnlyRootfs: Bool
    /// The program and its arguments; never empty.
    package var args: [String]
    /// The environment. `OCI` adds a PATH if it has none; nothing is inherited.
    package var env: [String: String]
    /// An absolute path in the task.
    package var cwd: String
    /// The user and the group of the first process.
    package var user: UserSpec
    /// In the order of the request.
    package var mounts: [MountSpec]
    /// The limits of this task alone.
    package var resources: TaskResources
    /// Names without `CAP_`, added to the default set.
    package var addCapabilities: [String]
    /// Names without `CAP_`. `ALL` empties the set before ``addCapabilities``
    /// is applied.
    package var dropCapabilities: [String]
    /// Whether no program can gain privileges by its mode or capabilities (PR_SET_NO_NEW_PRIVS).
    package var noNewPrivileges: Bool
    /// Whether the seccomp filter lets programs of the CPU's other ABIs run: on x86-64 those of
    /// i386 and x32. Without them the filter costs the runtime much less.
    package var compat32: Bool
    /// What its processes may do beside that.
    package var security = TaskSecurity()
    /// The limits of its log.
    package var log = LogSpec()
    /// The signal that a stop sends first.
    package var stopSignal: Signal
    /// Milliseconds between ``stopSignal`` and SIGKILL.
    package var gracePeriod: Int64
    /// Whether the task starts as soon as it has been made.
    package var start: Bool
    /// When the task is started again after its exit.
    package var restart = RestartSpec()
    /// Whether the task runs before the pod's other tasks, and has to end with 0.
    package var isInit = false
    /// The tasks after which this one starts: an init task has ended with 0 by then, and any other
    /// runs or has run.
    package var after: [Label] = []
    /// How its health is checked; `nil` if it is not.
    package var health: HealthSpec?
    /// Whether clients may send input to the first process, which waits for it.
    package var stdin = false
    /// Whether the input ends with that of the first client that is attached.
    package var stdinOnce = false
    /// Whether the first process has a terminal.
    package var tty = false

    package init(
        name: Label, rootfs: String, readOnlyRootfs: Bool = false, args: [String],
        env: [String: String] = [:], cwd: String = "/", user: UserSpec = .root,
        mounts: [MountSpec] = [], resources: TaskResources = TaskResources(pids: defaultPids),
        addCapabilities: [String] = [], dropCapabilities: [String] = [],
        noNewPrivileges: Bool = true, compat32: Bool = true, stopSignal: Signal = .term,
        gracePeriod: Int64 = defaultGracePeriod, start: Bool = true
    ) {
        self.name = name
        self.rootfs = rootfs
        self.readOnlyRootfs = readOnlyRootfs
        self.args = args
        self.env = env
        self.cwd = cwd
        self.user = user
        self.mounts = mounts
        self.resources = resources
        self.addCapabilities = addCapabilities
        self.dropCapabilities = dropCapabilities
        self.noNewPrivileges = noNewPrivileges
        self.compat32 = compat32
        self.stopSignal = stopSignal
        self.gracePeriod = gracePeriod
        self.start = start
    }

    /// The limit of processes of a task that names none. It is podman's default, and stops a fork
    /// bomb.
    package static let defaultPids: Int64 = 4096
    /// Milliseconds. It is the default of Docker and podman.
    package static let defaultGracePeriod: Int64 = 10_000
}

/// The user of a task: `user[:group]`, each a number or a name of the rootfs.
package struct UserSpec: Equatable, Sendable, CustomStringConvertible {
    /// A number, or a name that is looked up in the rootfs's `/etc/passwd`.
    package let user: String
    /// A number, or a name that is looked up in the rootfs's `/etc/group`; `nil` is the user's
    /// group.
    package let group: String?

    /// The user and the group 0.
    package static let root = UserSpec(user: "0", group: "0")

    private init(user: String, group: String?) {
        self.user = user
        self.group = group
    }

    /// `nil` if the text is not `user[:group]`, or a number is not an id (4294967295 is not an id).
    package init?(_ text: String) {
        let parts = text.fields(":", keepingEmpty: true)
        guard (1...2).contains(parts.count), parts.allSatisfy(UserSpec.isNameOrID) else {
            return nil
        }
        self.init(user: parts[0], group: parts.count == 2 ? parts[1] : nil)
    }

    /// The form `user` or `user:group`.
    package var description: String { group.map { "\(user):\($0)" } ?? user }

    static func isNameOrID(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 256 else { return false }
        if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return UInt32(text).map { $0 < .max } ?? false
        }
        return text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            && text.utf8.first != UInt8(ascii: "-")
    }
}

/// Whether mounts that are made later appear on the other side (mount_namespaces(7)).
package enum MountPropagation: String, Sendable, CaseIterable {
    /// On neither side.
    case `private`
    /// Those of the host, in the task.
    case slave
    /// On both. The mounts that the task makes stay on the host.
    case shared
}

/// An object that a task sees at a path of its file system.
package struct MountSpec: Equatable, Sendable {
    /// The object that a mount shows.
    package enum Kind: Equatable, Sendable {
        /// A directory or file of the host, by absolute path, with all mounts below it.
        case bind(source: String)
        /// A file system in memory. `size` is in bytes; without it the kernel allows half of all
        /// memory.
        case tmpfs(size: Int64?)
        /// The volume of the pod that has this name.
        case volume(name: String)
    }

    /// The object that the task sees.
    package var kind: Kind
    /// An absolute path in the task.
    package var target: String
    /// Only this mount of a bind, not the mounts below its source.
    package var readOnly: Bool
    /// The bind with all mounts below its source (mount_setattr(2)).
    package var recursiveReadOnly: Bool
    /// Of the bind and all mounts below its source.
    package var propagation: MountPropagation
    /// Whether a missing source of a bind is made, as a directory. It stays on the host.
    package var create: Bool

    package init(
        kind: Kind, target: String, readOnly: Bool = false, recursiveReadOnly: Bool = false,
        propagation: MountPropagation = .private, create: Bool = false
    ) {
        self.kind = kind
        self.target = target
        self.readOnly = readOnly
        self.recursiveReadOnly = recursiveReadOnly
        self.propagation = propagation
        self.create = create
    }
}

extension PodSpec {
    /// The path of the object that a mount shows, in a pod with these folders; `nil` if the object
    /// is made for the task.
    package func source(of mount: MountSpec, in folders: PodFolders) -> String? {
        switch mount.kind {
        case .bind(let source): source
        case .tmpfs: nil
        case .volume(let name): volumes.first { $0.name.text.isSame(as: name) }?.path(in: folders)
        }
    }
}
