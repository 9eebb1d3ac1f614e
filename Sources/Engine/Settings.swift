// What the daemon is told at its start.

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
    /// The shim's program; it is copied into the run directory at the start.
    package var shim = ""
    package var seccomp = SeccompChoice.builtIn
    /// `nil`: nothing is told.
    package var logLevel: LogLevel? = .info
    package var limits = EngineLimits()
    /// Milliseconds between two audits that nobody asked for.
    package var auditInterval: Int64 = 60_000
    /// How many stages of creates and starts are at work at once: see `StageGate`.
    package var stagePlaces = max(4, 2 * OwnProcess.processors)

    package init() {}
}

/// Which seccomp profile tasks have.
package enum SeccompChoice: Equatable, Sendable {
    case builtIn
    /// In containers-common's format, absolute.
    case file(String)
    /// No filter at all.
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

/// Why the engine cannot be had, with what to do about it.
package struct EngineFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
