// The settings that the daemon gets at its start.

import Linux

package struct EngineSettings: Sendable {
    package var runDirectory = "/run/staunch"
    package var dataDirectory = "/var/lib/staunch"
    package var logDirectory = "/var/log/staunch"
    package var cgroupParent = "/staunch"
    /// A path, or a name that is looked up in `searchPath`.
    package var runtime = "/usr/sbin/runc"
    /// Absolute directories.
    package var searchPath: [String] = []
    /// The shim's program. The daemon copies it into the run directory at the start.
    package var shim = ""
    package var seccomp = SeccompChoice.builtIn
    /// `nil` if nothing is logged.
    package var logLevel: LogLevel? = .info
    package var limits = EngineLimits()
    /// Milliseconds between two periodic audits.
    package var auditInterval: Int64 = 60_000
    /// The number of stages of creates and starts that run at once: see `StageGate`.
    package var stagePlaces = max(4, 2 * OwnProcess.processors)

    package init() {}
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

/// Why the engine cannot start, with advice for the operator.
package struct EngineFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
