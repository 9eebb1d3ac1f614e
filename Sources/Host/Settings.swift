// The settings that the daemon gets at its start.

import Bytes

package struct Settings: Sendable {
    package var runDirectory = "/run/staunch"
    package var dataDirectory = "/var/lib/staunch"
    package var logDirectory = "/var/log/staunch"
    /// Absolute directories. A client can name a task's log file below them; none contains ':'.
    package var logRoots = ["/var/log/pods"]
    package var cgroupParent = "/staunch"
    /// The OCI runtimes, of which a pod names one; the first is the default. Never empty.
    package var runtimes = [RuntimeChoice(name: "runc", program: "/usr/sbin/runc")]
    /// Absolute directories.
    package var searchPath: [String] = []
    /// The directory of the configurations of networks that plugins make.
    package var configurationDirectory = "/etc/cni/net.d"
    /// The directories of the plugins, in the order of the search; none contains ':'.
    package var pluginDirectories = ["/opt/cni/bin", "/usr/lib/cni"]
    /// Whether the start runs GC, because no other runtime attaches anything to those networks.
    package var collectsGarbage = false
    /// The shim's program. The daemon copies it into the run directory at the start.
    package var shim = ""
    package var seccomp = SeccompChoice.builtIn
    /// `nil` if nothing is logged.
    package var logLevel: LogLevel? = .info
    package var limits = Limits()
    /// Milliseconds between two periodic audits.
    package var auditInterval: Int64 = 60_000
    /// Milliseconds for which a network that a pod's create made stays without a pod.
    package var networkLinger: Int64 = 5_000
    /// The number of stages of creates and starts that run at once: see `StageGate`.
    package var stagePlaces = 4

    package init() {}

    /// The innermost root that contains the file of this path; `nil` if there is none.
    package func logRoot(of path: String) -> String? {
        let found = logRoots.filter { path.isInside($0) && !$0.isInside(path) }
        return found.max { $0.utf8.count < $1.utf8.count }
    }
}

/// An OCI runtime of the settings.
package struct RuntimeChoice: Equatable, Sendable {
    /// The name by which pods choose it (`PodSpec.isRuntimeName`).
    package let name: String
    /// A path, or a name that is looked up in `searchPath`.
    package let program: String

    package init(name: String, program: String) {
        self.name = name
        self.program = program
    }
}

/// The seccomp profile of the tasks.
package enum SeccompChoice: Equatable, Sendable {
    case builtIn
    /// An absolute path of a profile in containers-common's format.
    case file(String)
    /// No filter.
    case none

    /// `builtin`, `file` or `none`.
    package var source: String {
        switch self {
        case .builtIn: "builtin"
        case .file: "file"
        case .none: "none"
        }
    }

    package var path: String? {
        switch self {
        case .file(let path): path
        case .builtIn, .none: nil
        }
    }
}

/// How many records are kept, and how many objects there may be.
package struct Limits: Sendable {
    package var operationsKept = 10_000
    package var operationsKeptSeconds: Int64 = 86_400
    package var tombstonesKept = 1_000_000
    package var tombstonesKeptSeconds: Int64 = 604_800
    package var eventsKept = 100_000
    package var pods = 10_000
    package var networks = 256
    /// The limit of one pod's operations that have not ended.
    package var operationsPerPod = 64
    /// Commits between two prunings.
    package var commitsPerPruning = 512

    package init() {}
}

/// Why the daemon cannot start, with advice for the operator.
package struct StartFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
