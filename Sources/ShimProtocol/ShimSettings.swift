// A shim's arguments. The name and the uid come first, so that `ps` shows the shim's pod.

/// `staunch-shim pod NAME UID RUN_DIR DATA_DIR LOG_DIR CGROUP_PARENT none|host|bridge HOSTNAME
/// [TASKS_CGROUP]`
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
    package let workload: String?
    package let ownNetwork: Bool
    /// Whether the shim can enter the host's network namespace again, to make an interface there.
    package let keepsHostNetwork: Bool
    package let hostname: String

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

    /// `nil` unless there are eight or nine valid arguments after `pod`.
    package init?(arguments: [String]) {
        guard (8...9).contains(arguments.count), ["none", "host", "bridge"].contains(arguments[6])
        else {
            return nil
        }
        self.init(
            name: arguments[0], uid: arguments[1], podDirectory: arguments[2],
            dataDirectory: arguments[3], logDirectory: arguments[4], cgroup: arguments[5],
            workload: arguments.count == 9 ? arguments[8] : nil,
            ownNetwork: arguments[6] != "host", keepsHostNetwork: arguments[6] == "bridge",
            hostname: arguments[7])
    }

    /// The path at which the tasks' /dev/shm is mounted in the sandbox.
    package static func sharedMemory(in podDirectory: String) -> String { podDirectory + "/shm" }
    /// The directory of the files that tell the tasks names. A task's mounts come before them.
    package static func names(in podDirectory: String) -> String { podDirectory + "/etc" }
    /// The file that contains the device of a file system in memory that is mounted at `path` in
    /// the sandbox.
    package static func deviceFile(of path: String) -> String { path + ".device" }

    /// The sandbox's own namespaces, by their names in /proc.
    package static func namespaces(ownNetwork: Bool) -> [String] {
        ["mnt", "ipc", "uts"] + (ownNetwork ? ["net"] : [])
    }

    package var arguments: [String] {
        [
            "staunch-shim", "pod", name, uid, podDirectory, dataDirectory, logDirectory, cgroup,
            keepsHostNetwork ? "bridge" : ownNetwork ? "none" : "host", hostname,
        ] + (workload.map { [$0] } ?? [])
    }

    /// The descriptors that the daemon passes to a shim, beside standard input, output and error.
    package static let lockDescriptor: Int32 = 3
    package static let listenerDescriptor: Int32 = 4

    /// SIGHUP: the daemon does not find the shim's lock or socket; the shim creates them again.
    package static let showSignal: Int32 = 1
}
