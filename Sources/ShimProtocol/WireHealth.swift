// Health checks: how a daemon lets a shim check its tasks, and what the shim tells of the results.

/// How a shim checks the health of a task.
package struct WireHealth: Equatable, Sendable {
    package enum Check: Equatable, Sendable {
        /// An exec, whose file is in the bundle under the id `WireHealth.exec`.
        case exec
        /// A GET request to this port of the loopback address.
        case http(port: UInt16, path: String, host: String)
        /// A connection to this port of the loopback address.
        case tcp(port: UInt16)
    }

    package enum Action: UInt8, Sendable, CaseIterable {
        case none
        /// The attempt is ended, and the next one begins.
        case restart
        /// The task is ended, and stays so.
        case stop
    }

    /// The id of the execs that check a task. The ids of other execs are uids.
    package static let exec = "health"

    package let check: Check
    /// Milliseconds from one check to the next.
    package let interval: Int64
    /// Milliseconds after which a check has failed.
    package let timeout: Int64
    /// Milliseconds from the start of an attempt in which failures do not count.
    package let startPeriod: Int64
    /// How many failures in a row make a task unhealthy.
    package let retries: UInt32
    package let onFailure: Action
    /// The signal with which the shim ends the task.
    package let signal: Int32
    /// Milliseconds from the signal to SIGKILL.
    package let grace: Int64
    /// The number of the last change that the daemon has stored. An earlier shim of the pod may
    /// have told changes.
    package let known: UInt64

    package init(
        _ check: Check, interval: Int64, timeout: Int64, startPeriod: Int64, retries: UInt32,
        onFailure: Action, signal: Int32, grace: Int64, known: UInt64
    ) {
        self.check = check
        self.interval = interval
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.retries = retries
        self.onFailure = onFailure
        self.signal = signal
        self.grace = grace
        self.known = known
    }
}

/// The health of a task's present attempt.
package enum WireHealthState: UInt8, Sendable, CaseIterable {
    /// No check of the attempt has succeeded, and too few have failed.
    case starting
    case healthy
    case unhealthy
}

/// A task has become healthy or unhealthy.
package struct WireHealthChange: Equatable, Sendable {
    /// Counted from 1 for the whole life of the task.
    package let number: UInt64
    package let attempt: UInt32
    package let isHealthy: Bool

    package init(number: UInt64, attempt: UInt32, isHealthy: Bool) {
        self.number = number
        self.attempt = attempt
        self.isHealthy = isHealthy
    }
}

/// The health of a task, and its changes after the last change that the daemon has stored.
package struct WireHealthReport: Equatable, Sendable {
    /// The most changes that a shim keeps for a daemon. It forgets older ones.
    package static let most = 1024
    /// The most bytes of ``output``.
    package static let mostOutput = 4096

    /// 0 if no attempt has been started.
    package let attempt: UInt32
    package let state: WireHealthState
    /// How many checks have failed since the last success.
    package let failures: UInt32
    /// When the check ended that has changed the state or the failures last, in milliseconds since
    /// 1970.
    package let checkedAt: Int64?
    /// What the last failure said, also of an earlier attempt.
    package let output: String?
    /// The oldest first.
    package let changes: [WireHealthChange]

    package init(
        attempt: UInt32, state: WireHealthState, failures: UInt32, checkedAt: Int64?,
        output: String?, changes: [WireHealthChange]
    ) {
        self.attempt = attempt
        self.state = state
        self.failures = failures
        self.checkedAt = checkedAt
        self.output = output
        self.changes = changes
    }
}

extension WireHealth.Check {
    fileprivate func write(_ writer: inout WireWriter) {
        switch self {
        case .exec: writer.put(0 as UInt8)
        case .http(let port, let path, let host):
            writer.put(1 as UInt8)
            writer.put(port)
            writer.put(path)
            writer.put(host)
        case .tcp(let port):
            writer.put(2 as UInt8)
            writer.put(port)
        }
    }

    fileprivate static func read(
        _ reader: inout WireReader
    ) throws(WireFault) -> WireHealth.Check {
        switch try reader.byte() {
        case 0: return .exec
        case 1:
            return .http(
                port: try reader.number(), path: try reader.text(), host: try reader.text())
        case 2: return .tcp(port: try reader.number())
        case let kind: throw WireFault("check \(kind)")
        }
    }
}

extension WireHealth {
    func write(_ writer: inout WireWriter) {
        check.write(&writer)
        for time in [interval, timeout, startPeriod] { writer.put(time) }
        writer.put(retries)
        writer.put(onFailure.rawValue)
        writer.put(signal)
        writer.put(grace)
        writer.put(known)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireHealth {
        let check = try Check.read(&reader)
        let interval = try reader.number(Int64.self)
        let timeout = try reader.number(Int64.self)
        let startPeriod = try reader.number(Int64.self)
        let retries = try reader.number(UInt32.self)
        let number = try reader.byte()
        guard let action = Action(rawValue: number) else { throw WireFault("action \(number)") }
        return WireHealth(
            check, interval: interval, timeout: timeout, startPeriod: startPeriod,
            retries: retries, onFailure: action, signal: try reader.number(),
            grace: try reader.number(), known: try reader.number())
    }
}

extension WireHealthReport {
    func write(_ writer: inout WireWriter) {
        writer.put(attempt)
        writer.put(state.rawValue)
        writer.put(failures)
        writer.put(optional: checkedAt) { writer, time in writer.put(time) }
        writer.put(optional: output) { writer, text in writer.put(text) }
        writer.put(list: changes) { writer, change in
            writer.put(change.number)
            writer.put(change.attempt)
            writer.put(flag: change.isHealthy)
        }
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireHealthReport {
        let attempt = try reader.number(UInt32.self)
        let number = try reader.byte()
        guard let state = WireHealthState(rawValue: number) else {
            throw WireFault("health \(number)")
        }
        return WireHealthReport(
            attempt: attempt, state: state, failures: try reader.number(),
            checkedAt: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.number(Int64.self)
            },
            output: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            },
            changes: try reader.list { (reader: inout WireReader) throws(WireFault) in
                WireHealthChange(
                    number: try reader.number(), attempt: try reader.number(),
                    isHealthy: try reader.flag())
            })
    }
}
