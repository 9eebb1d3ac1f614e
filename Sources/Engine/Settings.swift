// What the daemon is told at its start.

package struct EngineSettings: Sendable {
    package var runDirectory = "/run/staunch"
    package var dataDirectory = "/var/lib/staunch"
    package var logDirectory = "/var/log/staunch"
    package var cgroupParent = "/staunch"
    package var runtime = "/usr/sbin/runc"
    /// The shim's program; it is copied into the run directory at the start.
    package var shim = ""
    package var seccompProfile = "/usr/share/containers/seccomp.json"
    /// `nil`: nothing is told.
    package var logLevel: LogLevel? = .info
    package var limits = EngineLimits()
    /// Milliseconds between two audits that nobody asked for.
    package var auditInterval: Int64 = 60_000

    package init() {}
}

/// Why the engine cannot be had, with what to do about it.
package struct EngineFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
