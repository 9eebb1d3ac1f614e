// Restarts: the policy that a daemon gives to a shim, and what the shim tells of a task's attempts.

package import Kernel

/// How a shim restarts a task whose first process ends.
package struct WireRestart: Equatable, Sendable {
    package enum Policy: UInt8, Sendable, CaseIterable {
        case onFailure = 1
        case always
        /// Only after an attempt that was ended because the task was unhealthy, as with each
        /// policy. Only sent to a shim that checks the health of tasks.
        case unhealthy
    }

    package let policy: Policy
    /// How often the task is restarted at most; `nil` if there is no limit.
    package let maxRetries: UInt32?
    /// Milliseconds from an exit to the first restart. Each further pause is twice as long.
    package let initial: Int64
    /// Milliseconds: the longest pause.
    package let longest: Int64
    /// The number of the first attempt of this shim. An earlier shim may have made others.
    package let firstAttempt: UInt32

    package init(
        policy: Policy, maxRetries: UInt32?, initial: Int64, longest: Int64, firstAttempt: UInt32
    ) {
        self.policy = policy
        self.maxRetries = maxRetries
        self.initial = initial
        self.longest = longest
        self.firstAttempt = firstAttempt
    }
}

/// The attempts of a task that the shim restarts, after the last exit that the daemon has stored.
package struct WireAttempts: Equatable, Sendable {
    /// The most exits in one answer. If there are so many, the daemon asks again.
    package static let most = 64

    /// The exits without a gap, the oldest first.
    package let exits: [AttemptExit]
    /// The last attempt that has begun; 0 if there is none.
    package let attempt: UInt32
    /// The process of that attempt, if it has not ended.
    package var process: ProcessIdentity?
    /// When that attempt was started, in milliseconds since 1970; `nil` if it waits for its start.
    package var startedAt: Int64?
    /// When the next attempt is due, in milliseconds since 1970; `nil` if there is to be none.
    package var nextStartAt: Int64?
    /// What the next attempt waits for, if its time has come.
    package var waiting: String?

    package init(exits: [AttemptExit], attempt: UInt32) {
        self.exits = exits
        self.attempt = attempt
    }
}

extension WireRestart {
    func write(_ writer: inout WireWriter) {
        writer.put(policy.rawValue)
        writer.put(optional: maxRetries) { writer, number in writer.put(number) }
        writer.put(initial)
        writer.put(longest)
        writer.put(firstAttempt)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireRestart {
        let number = try reader.byte()
        guard let policy = Policy(rawValue: number) else { throw WireFault("policy \(number)") }
        return WireRestart(
            policy: policy,
            maxRetries: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.number(UInt32.self)
            },
            initial: try reader.number(), longest: try reader.number(),
            firstAttempt: try reader.number())
    }
}

extension WireAttempts {
    func write(_ writer: inout WireWriter) {
        writer.put(list: exits) { writer, exit in
            writer.put(exit.attempt)
            exit.exit.write(&writer)
        }
        writer.put(attempt)
        writer.put(optional: process) { writer, process in process.write(&writer) }
        writer.put(optional: startedAt) { writer, time in writer.put(time) }
        writer.put(optional: nextStartAt) { writer, time in writer.put(time) }
        writer.put(optional: waiting) { writer, text in writer.put(text) }
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireAttempts {
        var attempts = WireAttempts(
            exits: try reader.list { (reader: inout WireReader) throws(WireFault) in
                AttemptExit(attempt: try reader.number(), try TaskExit.read(&reader))
            },
            attempt: try reader.number())
        attempts.process = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try ProcessIdentity.read(&reader)
        }
        attempts.startedAt = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.number(Int64.self)
        }
        attempts.nextStartAt = try reader.optional {
            (reader: inout WireReader) throws(WireFault) in try reader.number(Int64.self)
        }
        attempts.waiting = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.text()
        }
        return attempts
    }
}
