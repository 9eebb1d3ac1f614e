// Execs: one more process in a running task. An exec is an operation, which has its result.

package import Kernel

/// What a client asks to be run in a task.
package struct ExecSpec: Equatable, Sendable {
    /// The program and its arguments.
    package var args: [String]
    /// Variables in addition to the task's, or in their place.
    package var env: [String: String] = [:]
    /// The working directory; `nil` for the task's.
    package var cwd: String?
    /// The user; `nil` for the task's.
    package var user: UserSpec?
    /// The whole standard input; `nil` if the process has an empty one.
    package var input: [UInt8]?
    /// The size of its terminal; `nil` if it has none.
    package var terminal: TerminalSize?
    /// What its client's hang-up does.
    package var onDisconnect = Disconnect.end
    /// Milliseconds until the exec is killed; `nil` if there is no limit.
    package var timeout: Int64?
    /// The most bytes of each stream in the answer.
    package var maxOutput = defaultMaxOutput

    /// The effect of a hang-up of the client.
    package enum Disconnect: String, Sendable {
        /// Ends the exec.
        case end
        /// Nothing: the exec runs on, and other clients can come.
        case keep
    }

    /// Bytes: 1 MiB.
    package static let defaultMaxOutput: Int64 = 1 << 20

    package init(args: [String]) { self.args = args }
}

/// How an exec ended.
package struct ExecResult: Equatable, Sendable {
    /// The exit code of the first process; 127 if the program is not there, 126 if it cannot be
    /// executed. `nil` if a signal ended it, or if none ran.
    package var exitCode: Int32?
    /// The signal that ended it.
    package var signal: Signal?
    /// Whether the exec was killed because its time was over.
    package var timedOut: Bool
    /// The runtime's reason, if no process ran.
    package var detail: String?
    /// When the process began to run; `nil` if none did.
    package var startedAt: Timestamp?
    /// When it ended.
    package var finishedAt: Timestamp

    package init(
        exitCode: Int32? = nil, signal: Signal? = nil, timedOut: Bool = false,
        detail: String? = nil, startedAt: Timestamp? = nil, finishedAt: Timestamp
    ) {
        self.exitCode = exitCode
        self.signal = signal
        self.timedOut = timedOut
        self.detail = detail
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }
}
