// What the processes of a task may do, beside its user and its capabilities.

import Bytes

/// The members of a task's spec about its processes' rights. The defaults are those of a request
/// that names none of them.
package struct TaskSecurity: Equatable, Sendable {
    /// Additional groups of the first process.
    package var groups: [TaskGroup] = []
    /// Whether the first process is also in the groups of the rootfs's `/etc/group` that name its
    /// user. `nil`: only if the task's user names no group.
    package var groupsFromRootfs: Bool?
    /// The file mode creation mask of the first process (umask(2)).
    package var umask: UInt32 = 0o022
    /// In the order of the request; each type occurs once.
    package var rlimits: [ProcessLimit] = []
    /// Absolute paths in the task that show nothing; `nil` for the standard ones.
    package var maskedPaths: [String]?
    /// Absolute paths in the task that are read-only; `nil` for the standard ones.
    package var readOnlyPaths: [String]?
    /// The filter of the system calls.
    package var seccomp: TaskSeccomp = .standard
    /// The AppArmor profile; `nil` for none.
    package var apparmor: String?
    /// Names without `CAP_` of capabilities that the first process and its children keep, whatever
    /// its user is (capabilities(7)). They are added to the set of capabilities.
    package var ambientCapabilities: [String] = []
    /// Whether the task has all capabilities and devices of the host, and nothing is masked.
    package var isPrivileged = false
    /// Devices of the host, in the order of the request.
    package var devices: [DeviceSpec] = []

    package init() {}
}

/// A group by number, or by name in the rootfs's `/etc/group`.
package enum TaskGroup: Equatable, Sendable, CustomStringConvertible {
    case number(UInt32)
    case name(String)

    /// Digits are a number. `nil` if the text is neither a name nor an id (4294967295 is not one).
    package init?(_ text: String) {
        guard UserSpec.isNameOrID(text), !text.has(":") else { return nil }
        self = UInt32(text).map { .number($0) } ?? .name(text)
    }

    /// The number or the name.
    package var description: String {
        switch self {
        case .number(let number): "\(number)"
        case .name(let name): name
        }
    }
}

/// A limit of each process of a task (getrlimit(2)).
package struct ProcessLimit: Equatable, Sendable {
    /// Such as `RLIMIT_NOFILE`; one of ``types``.
    package var type: String
    /// In the unit of the type, at most ``hard``; ``unlimited`` for no limit.
    package var soft: UInt64
    /// The most that an unprivileged process can raise ``soft`` to.
    package var hard: UInt64

    package init(type: String, soft: UInt64, hard: UInt64) {
        self.type = type
        self.soft = soft
        self.hard = hard
    }

    /// RLIM_INFINITY.
    package static let unlimited = UInt64.max

    /// All limits of Linux, in the order of their numbers on x86-64 and arm64.
    package static let types = [
        "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS",
        "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
    ].map { "RLIMIT_" + $0 }
}

/// The filter of a task's system calls.
package enum TaskSeccomp: Equatable, Sendable {
    /// The profile of the daemon's settings.
    case standard
    /// No filter.
    case unconfined
    /// A file on the host, by absolute path, in the format of Docker or of the runtime-spec.
    case profile(path: String)
}

/// A device of the host that a task can use.
package struct DeviceSpec: Equatable, Sendable {
    /// An absolute path on the host. A symbolic link is followed.
    package var path: String
    /// An absolute path below `/dev` in the task.
    package var containerPath: String
    /// The letters `r`, `w` and `m` (mknod), each at most once.
    package var permissions: String

    package init(path: String, containerPath: String, permissions: String = "rwm") {
        self.path = path
        self.containerPath = containerPath
        self.permissions = permissions
    }
}
