// When the daemon may say that it lives: only after a whole turn of the engine's loop and an answer
// of the API, both asked for since it last said so. Whoever hangs is then started anew by the
// service manager, which costs no pod anything.

/// Values and transitions alone; `Watch.swift` carries them out. Times are nanoseconds.
struct Pulse {
    private enum Question { case toAsk, asked, answered }

    /// Half of what the manager allows, as sd_watchdog_enabled(3) recommends.
    private let interval: Int64
    private var next: Int64
    private var loop = Question.answered
    private var api = Question.answered

    init(watchdog: Int64, now: Int64) {
        interval = max(watchdog / 2, 1_000_000)
        next = now
    }

    /// When there is something to do again.
    var due: Int64 { next }

    /// To be called when it is due. What was not answered is not asked a second time.
    mutating func begin(now: Int64) {
        next = now + interval
        guard !isAsking else { return }
        loop = .toAsk
        api = .toAsk
    }

    private var isAsking: Bool { loop != .answered || api != .answered }

    /// Whether the loop is to be asked now; it counts as done.
    mutating func asksLoop() -> Bool {
        defer { if loop == .toAsk { loop = .asked } }
        return loop == .toAsk
    }

    var wantsAPI: Bool { api == .toAsk }

    mutating func askedAPI() { api = .asked }

    /// The API's backlog is full: it is asked again after `pause`.
    mutating func postponed(now: Int64, pause: Int64) { next = min(next, now + pause) }

    /// True where that was the last answer that was missing.
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
