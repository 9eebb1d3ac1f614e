// What a run is told to do, already read and right.

package enum Amount: Equatable, Sendable {
    case pods(Int)
    case seconds(Double)
}

package struct PressureSettings: Equatable, Sendable {
    /// MiB a second, of all writers together.
    package var rate = 64
    /// GiB that are written at most.
    package var bytes = 64

    package init() {}
}

package struct RunSettings: Sendable {
    package var clients = 8
    package var amount = Amount.pods(200)
    package var mix: Mix
    package var targets: [Target] = [.staunch]
    package var kills: [KillOrder] = []
    /// Seconds after which a client hangs up, and asks again; `nil`: it waits.
    package var patience: Double?
    /// Seconds without any answer after which a daemon counts as gone for good.
    package var lostAfter = 60.0
    package var pressure: PressureSettings?
    /// A daemon that is there already; `nil`: one of the run's own.
    package var socket: String?
    /// Below which directory the run makes its own.
    package var directory = "/var/tmp"
    package var daemonProgram = ""
    package var shimProgram = ""
    /// Where the daemon's log is kept; `nil`: it goes with the run.
    package var daemonLog: String?
    package var seed: UInt64 = 1
    package var json: String?
    package var report: String?

    package init(mix: Mix) { self.mix = mix }

}

/// Why there is no run: one line, which says what to do about it.
package struct RunFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
