// The health of a task, and the check of it that is under way.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// A task that names no check has none, so it needs no memory for it.
final class TaskHealth {
    let settings: WireHealth
    /// The attempt that the state is of; 0 before the first one.
    private(set) var attempt: UInt32 = 0
    private(set) var state: HealthState
    /// Milliseconds since 1970.
    private var checkedAt: Int64?
    /// What the last failure said, also of an earlier attempt.
    private var output: String?
    private var changes: [WireHealthChange] = []
    private var lastChange: UInt64
    /// CLOCK_BOOTTIME in nanoseconds of the next check; `.max` if no attempt runs.
    private(set) var due: Int64 = .max
    /// At most one check is under way.
    var check: HealthCheck?
    /// The task was ended because it was unhealthy, and is never started again.
    var hasStopped = false

    init(_ settings: WireHealth) {
        self.settings = settings
        lastChange = settings.known
        state = HealthState(retries: settings.retries, countsFrom: 0)
    }

    /// A packet may contain any number, so a time is between a millisecond and a year.
    static func nanoseconds(_ milliseconds: Int64, atLeast least: Int64 = 1) -> Int64 {
        min(max(milliseconds, least), 31_536_000_000) * 1_000_000
    }

    private var interval: Int64 { TaskHealth.nanoseconds(settings.interval) }

    var timeout: Int64 { TaskHealth.nanoseconds(settings.timeout) }

    /// Why a check has failed that is not over by then.
    var lateness: String { "no result within \(timeout / 1_000_000) ms" }

    var nextTimer: Int64 { min(due, check?.deadline ?? .max) }

    /// An attempt runs. The beat of its checks follows from the task's id, so that the checks of
    /// many tasks that start together are spread.
    func begin(_ attempt: UInt32, of id: String, at now: Int64) {
        self.attempt = attempt
        let period = TaskHealth.nanoseconds(settings.startPeriod, atLeast: 0)
        state = HealthState(retries: settings.retries, countsFrom: now + period)
        var hash = FNV1a()
        hash.add(id.utf8)
        due = now + Int64(hash.value % UInt64(interval))
    }

    /// Keeps the beat, whether a check begins now or not.
    func planNext(after now: Int64) {
        due += interval
        if due <= now { due = now + interval }
    }

    func end() { due = .max }

    /// Returns whether there is something new to tell.
    func sawSuccess() -> Bool {
        let failures = state.failures
        let isChange = state.sawSuccess()
        guard isChange || failures > 0 else { return false }
        if isChange { addChange() }
        checkedAt = SystemClock.wall
        return true
    }

    /// The same for a failure of a check that began at `start`.
    func sawFailure(since start: Int64, _ output: String) -> Bool {
        let failures = state.failures
        let isChange = state.sawFailure(since: start)
        // A comparison of strings as such would compare characters.
        let isNew = self.output.map { !$0.isSame(as: output) } ?? true
        guard isChange || isNew || failures != state.failures else { return false }
        if isChange { addChange() }
        self.output = output
        checkedAt = SystemClock.wall
        return true
    }

    private func addChange() {
        lastChange &+= 1
        changes.append(
            WireHealthChange(
                number: lastChange, attempt: attempt, isHealthy: state.value == .healthy))
        if changes.count > WireHealthReport.most { changes.removeFirst() }
    }

    /// The daemon has stored the changes up to this one.
    func forget(upTo number: UInt64) { changes.removeAll { $0.number <= number } }

    var report: WireHealthReport {
        WireHealthReport(
            attempt: attempt, state: state.value, failures: state.failures, checkedAt: checkedAt,
            output: output, changes: changes)
    }
}

/// A check that is under way.
final class HealthCheck {
    /// CLOCK_BOOTTIME in nanoseconds.
    let start: Int64
    /// The same for the time at which it has failed, whatever comes.
    var deadline: Int64
    /// The connection to the task's port.
    var connection: LoopbackConnection?
    /// The connection was made.
    var isConnected = false
    /// The bytes of the request that were not sent.
    var unsent: [UInt8]
    var head = ResponseHead()
    /// Whether the epoll watches its descriptor.
    var isWatched = false
    /// The program, if the shim has started it.
    var run: CheckRun?
    /// The exec of the runtime's, until its keeper has ended.
    var exec: ExecSlot?
    /// The output of the program, or the shim's end of the exec's stream.
    var stream: OwnedDescriptor?
    private var frames = StreamFrameReader()
    /// The end of the exec's output.
    private(set) var words: [UInt8] = []

    init(start: Int64, deadline: Int64, request: [UInt8]) {
        self.start = start
        self.deadline = deadline
        unsent = request
    }

    /// The descriptor that is watched.
    var number: CInt? { connection?.socket.number ?? stream?.number }

    /// Reads what the program has written so far. Returns `false` at its end.
    func listen() -> Bool {
        do throws(SystemCallFailure) {
            while let bytes = try stream?.read(limit: WireHealthReport.mostOutput) {
                if bytes.isEmpty { return false }
                add(bytes)
            }
            return true
        } catch { return false }
    }

    /// The reason of a failure, with the end of the output.
    func saying(_ reason: String) -> String {
        words.isEmpty ? reason : reason + ": " + String(decoding: words, as: UTF8.self)
    }

    func add(_ bytes: [UInt8]) {
        var words = words
        if run != nil {
            words += bytes
        } else {
            do throws(StreamFault) {
                try frames.read(bytes[...]) { channel, part, _ in
                    if channel == .output || channel == .errors { words += part }
                }
            } catch { return }  // the keeper sends only whole frames
        }
        let excess = words.count - WireHealthReport.mostOutput
        if excess > 0 { words.removeFirst(excess) }
        self.words = words
    }
}
