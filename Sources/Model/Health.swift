// How the health of a task is checked, and what its checks have shown.

import Bytes

/// The checks that a task's spec asks for. The pod's shim makes them while the task runs.
package struct HealthSpec: Equatable, Sendable {
    /// What is done once in each interval.
    package enum Check: Equatable, Sendable {
        /// Runs a program in the task, which is healthy if the program ends with the code 0.
        case exec(args: [String])
        /// Sends a GET request to a port of the loopback address of the pod's network. A status of
        /// 200 to 399 is healthy.
        case http(HTTPCheck)
        /// Connects to a port of that address.
        case tcp(port: UInt16)
    }

    /// What happens to a task that has become unhealthy.
    package enum Action: String, Sendable, CaseIterable {
        case none
        /// The attempt is ended, and the next one begins, whatever the restart policy says.
        case restart
        /// The task is ended, and stays so.
        case stop
    }

    /// The one check of the task.
    package var check: Check
    /// Milliseconds from one check to the next.
    package var interval: Int64 = 10_000
    /// Milliseconds after which a check has failed.
    package var timeout: Int64 = 1000
    /// How many failures in a row make the task unhealthy.
    package var retries: Int64 = 3
    /// Milliseconds from the start of an attempt in which failures do not count, until a check has
    /// succeeded.
    package var startPeriod: Int64 = 0
    /// What happens when the task has become unhealthy.
    package var onFailure = Action.none

    package init(check: Check) { self.check = check }
}

/// The request of a health check.
package struct HTTPCheck: Equatable, Sendable {
    /// The port.
    package var port: UInt16
    /// The target of the request, with its query.
    package var path: String
    /// The value of the header field `Host`.
    package var host: String

    package init(port: UInt16, path: String = "/", host: String = "localhost") {
        self.port = port
        self.path = path
        self.host = host
    }

    /// Whether a text can be the target of a request: it begins with `/`, and each byte is visible
    /// ASCII.
    package static func isPath(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "/") && isVisible(text) && text.utf8.count <= 2048
    }

    /// Whether a text can be the value of the header field: visible ASCII, and at most 255 bytes.
    package static func isHost(_ text: String) -> Bool {
        isVisible(text) && (1...255).contains(text.utf8.count)
    }

    private static func isVisible(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }
}

/// A task has become healthy or unhealthy.
package struct HealthChange: Equatable, Sendable {
    /// Counted from 1 for the whole life of the task.
    package let number: UInt64
    /// The attempt of which the health has changed.
    package let attempt: UInt32
    /// Whether the task is healthy since then.
    package let isHealthy: Bool

    package init(number: UInt64, attempt: UInt32, isHealthy: Bool) {
        self.number = number
        self.attempt = attempt
        self.isHealthy = isHealthy
    }
}

/// The health of a task's present or last attempt.
package struct TaskHealth: Equatable, Sendable {
    /// The state, as clients read it.
    package enum State: String, Sendable, CaseIterable {
        /// No check of the attempt has succeeded, and too few have failed.
        case starting
        case healthy
        case unhealthy
    }

    /// The state after the last check.
    package var state: State
    /// The failures in a row, up to the retries of the spec.
    package var failures: Int64
    /// When the check ended that has changed this last; `nil` if none has.
    package var checkedAt: Timestamp?
    /// What the last failure said, also of an earlier attempt; `nil` if no check has failed.
    package var output: String?

    package init(
        state: State, failures: Int64 = 0, checkedAt: Timestamp? = nil, output: String? = nil
    ) {
        self.state = state
        self.failures = failures
        self.checkedAt = checkedAt
        self.output = output
    }
}

extension TaskSpec {
    /// Whether the shim restarts the task, and so numbers its exits.
    package var isRestarted: Bool {
        restart.policy != .never || health?.onFailure == .restart
    }
}

extension PodTask {
    /// The health; `nil` if the spec asks for no checks. A new daemon knows only the last change
    /// until the shim has answered.
    package var health: TaskHealth? {
        guard spec.health != nil else { return nil }
        if let shownHealth { return shownHealth }
        guard let change = healthChange, change.attempt == attempt else {
            return TaskHealth(state: .starting)
        }
        return TaskHealth(state: change.isHealthy ? .healthy : .unhealthy)
    }

    /// Notes a change of the health, unless it or a later one is known.
    package mutating func sawHealth(_ change: HealthChange) {
        guard change.number > healthChange?.number ?? 0 else { return }
        healthChange = change
    }
}
