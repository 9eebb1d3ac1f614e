// Decides when the daemon may report that it is alive. Since the last report the engine's loop must
// have made a whole turn, and the API must have answered. The service manager restarts a daemon
// that hangs, which harms no pod.

/// Only values and transitions; `Watch.swift` acts on them. Times are in nanoseconds.
struct Pulse {
    private enum Question { case toAsk, asked, answered }

    /// Half of the manager's timeout, as sd_watchdog_enabled(3) recommends.
    private let interval: Int64
    private var next: Int64
    private var loop = Question.answered
    private var api = Question.answered

    init(watchdog: Int64, now: Int64) {
        interval = max(watchdog / 2, 1_000_000)
        next = now
    }

    /// The time of the next call of `begin`.
    var due: Int64 { next }

    /// Must be called when it is due. An open question is not asked again.
    mutating func begin(now: Int64) {
        next = now + interval
        guard !isAsking else { return }
        loop = .toAsk
        api = .toAsk
    }

    private var isAsking: Bool { loop != .answered || api != .answered }

    /// Whether the loop must be asked now; the call marks it as asked.
    mutating func asksLoop() -> Bool {
        defer { if loop == .toAsk { loop = .asked } }
        return loop == .toAsk
    }

    var wantsAPI: Bool { api == .toAsk }

    mutating func askedAPI() { api = .asked }

    /// Called if the API's backlog is full: the API is asked again after `pause`.
    mutating func postponed(now: Int64, pause: Int64) { next = min(next, now + pause) }

    /// Returns `true` if this was the last missing answer.
    mutating func loopTurned() -> Bool {
        guard loop == .asked else { return false }
        loop = .answered
        return !isAsking
    }

    mutating func apiAnswered() -> Bool {
        guard api == .asked else { return false }
        api = .answered
        return !isAsking
    }
}
