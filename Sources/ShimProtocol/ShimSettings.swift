// A shim's arguments. The name and the uid come first, so that `ps` shows the shim's pod.

/// `staunch-shim pod NAME UID RUN_DIR DATA_DIR LOG_DIR CGROUP_PARENT none|host|bridge HOSTNAME
/// [tasks=CGROUP] [shm=BYTES] [ipc=host] [pid=host|pod]`
package struct ShimSettings: Equatable, Sendable {
    package let name: String
    package let uid: String
    /// The pod's own directory on tmpfs: lock, socket, bundles, the runtime's root.
    package let podDirectory: String
    /// The pod's own directory for upper layers, on a disk.
    package let dataDirectory: String
    /// The pod's own directory for logs, on a disk.
    package let logDirectory: String
    /// Such as `/staunch/<uid>`.
    package let cgroup: String
    /// The cgroup of the tasks' cgroups, if it is below a parent that the client named. The shim
    /// makes its directory, and never the parent.
    package var workload: String?
    package let ownNetwork: Bool
    /// Whether the shim can enter the host's network namespace again, to make an interface there.
    package let keepsHostNetwork: Bool
    package let hostname: String
    /// Bytes of the tasks' /dev/shm.
    package var shmSize = defaultShmSize
    /// Whether the sandbox is in the host's IPC namespace, and the tasks have the host's /dev/shm.
    package var hostIPC = false
    /// Whether the tasks are in the host's PID namespace.
    package var hostPID = false
    /// Whether the tasks share a PID namespace.
    package var sharesPID = false

    /// Whether the end of a task's first process ends all its processes.
    package var endsTogether: Bool { !hostPID && !sharesPID }

    package static let defaultShmSize: UInt64 = 67_108_864

    package init(
        name: String, uid: String, podDirectory: String, dataDirectory: String,
        logDirectory: String, cgroup: String, workload: String? = nil, ownNetwork: Bool,
        keepsHostNetwork: Bool, hostname: String
    ) {
        self.name = name
        self.uid = uid
        self.podDirectory = podDirectory
        self.dataDirectory = dataDirectory
        self.logDirectory = logDirectory
        self.cgroup = cgroup
        self.workload = workload
        self.ownNetwork = ownNetwork
        self.keepsHostNetwork = keepsHostNetwork
        self.hostname = hostname
    }

    /// `nil` unless there are eight valid arguments after `pod`, and then options.
    package init?(arguments: [String]) {
        guard arguments.count >= 8, ["none", "host", "bridge"].contains(arguments[6]) else {
            return nil
        }
        self.init(
            name: arguments[0], uid: arguments[1], podDirectory: arguments[2],
            dataDirectory: arguments[3], logDirectory: arguments[4], cgroup: arguments[5],
            ownNetwork: arguments[6] != "host", keepsHostNetwork: arguments[6] == "bridge",
            hostname: arguments[7])
        for option in arguments.dropFirst(8) {
            switch option {
            case "ipc=host": hostIPC = true
            case "pid=host": hostPID = true
            case "pid=pod": sharesPID = true
            case let option where option.utf8.starts(with: "tasks=/".utf8):
                workload = String(decoding: option.utf8.dropFirst(6), as: UTF8.self)
            default:
                guard let size = UInt64(option.dropFirst(4)), option == "shm=\(size)" else {
                    return nil
                }
                shmSize = size
            }
        }
    }

    /// The path at which the tasks' /dev/shm is mounted in the sandbox.
    package static func sharedMemory(in podDirectory: String) -> String { podDirectory + "/shm" }
    /// The directory of the files that tell the tasks names. A task's mounts come before them.
    package static func names(in podDirectory: String) -> String { podDirectory + "/etc" }
    /// The path at which a runtime finds the PID namespace that the tasks share.
    package static func sharedPID(in podDirectory: String) -> String {
        podDirectory + "/pid-namespace"
    }
    /// The file that contains the device of a file system in memory that is mounted at `path` in
    /// the sandbox.
    package static func deviceFile(of path: String) -> String { path + ".device" }

    /// The sandbox's own namespaces, by their names in /proc.
    package static func namespaces(ownNetwork: Bool, ownIPC: Bool) -> [String] {
        ["mnt", "uts"] + (ownIPC ? ["ipc"] : []) + (ownNetwork ? ["net"] : [])
    }

    package var arguments: [String] {
        [
            "staunch-shim", "pod", name, uid, podDirectory, dataDirectory, logDirectory, cgroup,
            keepsHostNetwork ? "bridge" : ownNetwork ? "none" : "host", hostname,
        ] + options
    }

    /// Only what is no default, because an older program knows no options.
    private var options: [String] {
        (workload.map { ["tasks=\($0)"] } ?? [])
            + (shmSize == ShimSettings.defaultShmSize ? [] : ["shm=\(shmSize)"])
            + (hostIPC ? ["ipc=host"] : []) + (hostPID ? ["pid=host"] : [])
            + (sharesPID ? ["pid=pod"] : [])
    }

    /// The descriptors that the daemon passes to a shim, beside standard input, output and error.
    package static let lockDescriptor: Int32 = 3
    package static let listenerDescriptor: Int32 = 4

    /// SIGHUP: the daemon does not find the shim's lock or socket; the shim creates them again.
    package static let showSignal: Int32 = 1
}
