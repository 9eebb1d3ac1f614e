// The settings of a run, already read and validated.

package enum Amount: Equatable, Sendable {
    case pods(Int)
    case seconds(Double)
}

package struct PressureSettings: Equatable, Sendable {
    /// MiB per second, of all writers together.
    package var rate = 64
    /// The most GiB that are written.
    package var bytes = 64

    package init() {}
}

package struct RunSettings: Sendable {
    package var clients = 8
    package var amount = Amount.pods(200)
    package var mix: Mix
    package var targets: [Target] = [.staunch]
    package var kills: [KillOrder] = []
    /// Seconds after which a client hangs up and retries; `nil` means that it waits.
    package var patience: Double?
    /// Seconds without an answer after which a daemon is considered gone for good.
    package var lostAfter = 60.0
    package var pressure: PressureSettings?
    /// The socket of an existing daemon; `nil` means that the run starts its own.
    package var socket: String?
    /// The config.json for bare runc; `nil` means the output of `runc spec`.
    package var runcConfig: String?
    /// The directory in which the run makes its own directory.
    package var directory = "/var/tmp"
    package var daemonProgram = ""
    package var shimProgram = ""
    /// More arguments of the run's own daemon.
    package var daemonWords: [String] = []
    /// The file for the daemon's log; if `nil`, the log is removed with the run.
    package var daemonLog: String?
    package var seed: UInt64 = 1
    package var json: String?
    package var report: String?

    package init(mix: Mix) { self.mix = mix }

}

/// Why there can be no run: one line, which includes a remedy.
package struct RunFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
