/// How a task's first process ended.
package struct TaskExit: Equatable, Sendable {
    /// The result of a task's first process.
    package enum Status: Equatable, Sendable {
        case code(Int32)
        /// The number of the signal that ended the process.
        case signal(Int32)
        /// The process ended before it had executed the task's program. Its code, if it had one,
        /// was the code of the runtime's init.
        case neverRan(signal: Int32?)
        /// No shim saw the exit.
        case unknown
    }

    /// The result. It never changes (law 8).
    package let status: Status
    /// Whether the kernel killed a process of the task's cgroup for lack of memory.
    package let oomKilled: Bool
    /// When the shim stored the exit, or when the daemon found the shim gone: milliseconds since
    /// 1970.
    package let finishedAt: Int64

    package init(status: Status, oomKilled: Bool, finishedAt: Int64) {
        self.status = status
        self.oomKilled = oomKilled
        self.finishedAt = finishedAt
    }

    /// Whether the task's program was never executed.
    package var neverRan: Bool {
        switch status {
        case .neverRan: true
        case .code, .signal, .unknown: false
        }
    }
}

/// The exit of one attempt of a task. Each attempt has one process and one exit.
package struct AttemptExit: Equatable, Sendable {
    /// Counted from 1.
    package let attempt: UInt32
    /// How its first process ended.
    package let exit: TaskExit

    package init(attempt: UInt32, _ exit: TaskExit) {
        self.attempt = attempt
        self.exit = exit
    }
}
