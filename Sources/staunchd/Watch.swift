// The main thread's part: it waits for the signal to stop, and meanwhile reports the daemon's state
// to the service manager.

import Engine
import Host
import Kernel
import Linux
import Synchronization

struct Watch: ~Copyable {
    private let signals: SignalDescriptor
    private let epoll: Epoll
    private let bell: Bell
    private let manager: ServiceManager

    /// Must be made before any thread, because threads inherit the blocked signals. It acquires all
    /// its resources here, so that a missing resource never stops a daemon that serves.
    init(_ manager: ServiceManager) throws(SystemCallFailure) {
        let signals = try SignalDescriptor([Watch.sigTerm, Watch.sigInt])
        let epoll = try Epoll()
        let bell = try Bell()
        try epoll.add(signals.descriptor.number, .readable, tag: Watch.signal)
        try epoll.add(bell.wakeup.descriptor.number, .readable, tag: Watch.rung)
        self.signals = signals
        self.epoll = epoll
        self.bell = bell
        self.manager = manager
    }

    private static let sigInt: CInt = 2
    private static let sigTerm: CInt = 15
    private static let signal: UInt64 = 0
    private static let rung: UInt64 = 1
    private static let answered: UInt64 = 2

    /// Called on the engine's loop.
    var whenReady: @Sendable () -> Void { { [bell] in bell.wakeup.signal() } }

    /// Notifies the manager and returns the signal that ends the daemon. `api` is the API's
    /// address.
    func untilSignal(_ engine: Engine, api: UnixAddress?) -> CInt {
        var round = Round(engine, manager, bell, api)
        round.begin()
        while true {
            for event in epoll.wait(milliseconds: round.pause()) {
                switch event.tag {
                case Watch.rung: round.heardBell()
                case Watch.answered: round.heardAPI(epoll)
                case _: break
                }
            }
            if let signal = signals.next() {
                round.end()
                return signal
            }
            round.goOn(epoll, tag: Watch.answered)
        }
    }
}

/// Messages of other threads to the main thread.
private final class Bell: Sendable {
    let wakeup: Wakeup
    let loopTurned = Atomic(false)

    init() throws(SystemCallFailure) { wakeup = try Wakeup() }
}

/// The messages to the manager and their times.
private struct Round: ~Copyable {
    private let engine: Engine
    private let bell: Bell
    private let watchdog: Int64?
    private let isTold: Bool
    private var notices: Notices
    private var pulse: Pulse
    private var probe: Probe
    private var hasToldReady = false

    /// Nanoseconds: the interval of status reports if there is no watchdog, and the pause before a
    /// message is sent again or a busy API is asked again.
    private static let unasked: Int64 = 20_000_000_000
    private static let again: Int64 = 200_000_000

    init(_ engine: Engine, _ manager: ServiceManager, _ bell: Bell, _ api: UnixAddress?) {
        self.engine = engine
        self.bell = bell
        watchdog = manager.address == nil ? nil : manager.watchdog
        isTold = manager.address != nil
        notices = Notices(manager.address, engine.log)
        pulse = Pulse(watchdog: watchdog ?? Round.unasked, now: SystemClock.sinceBoot)
        probe = Probe(api)
    }

    /// Milliseconds, rounded up so that the thread does not wake early; -1 means until an event.
    func pause() -> CInt {
        guard isTold else { return -1 }
        let rest = max(0, pulse.due - SystemClock.sinceBoot)
        return CInt(clamping: (rest + 999_999) / 1_000_000)
    }

    /// Sent always, even if the engine is already ready.
    mutating func begin() { notices.send([], status: "starting: \(pods) to take up") }

    mutating func heardBell() {
        bell.wakeup.clear()
        if bell.loopTurned.exchange(false, ordering: .acquiring), pulse.loopTurned() { tellAlive() }
    }

    mutating func heardAPI(_ epoll: borrowing Epoll) {
        if probe.end(epoll), pulse.apiAnswered() { tellAlive() }
    }

    mutating func goOn(_ epoll: borrowing Epoll, tag: UInt64) {
        guard isTold else { return }
        let now = SystemClock.sinceBoot
        if engine.isReady && !hasToldReady {
            hasToldReady = notices.send(["READY=1"], status: status)
            if !hasToldReady { pulse.postponed(now: now, pause: Round.again) }
        }
        if now >= pulse.due {
            pulse.begin(now: now)
            if watchdog == nil { notices.send([], status: status) }
        }
        if watchdog != nil { ask(epoll, tag, now) }
    }

    mutating func end() {
        notices.send(["STOPPING=1"], status: "stopping; the pods stay")
    }

    private mutating func ask(_ epoll: borrowing Epoll, _ tag: UInt64, _ now: Int64) {
        if pulse.asksLoop() {
            engine.whenLoopTurns { [bell] in
                bell.loopTurned.store(true, ordering: .releasing)
                bell.wakeup.signal()
            }
        }
        guard pulse.wantsAPI else { return }
        switch probe.ask(epoll, tag: tag) {
        case .asked: pulse.askedAPI()
        case .busy: pulse.postponed(now: now, pause: Round.again)
        case .impossible:
            pulse.askedAPI()
            if pulse.apiAnswered() { tellAlive() }
        }
    }

    /// A start that waits, for example for space in the store, does not hang, so it extends its
    /// timeout.
    private mutating func tellAlive() {
        let more = engine.isReady ? [] : ["EXTEND_TIMEOUT_USEC=\((watchdog ?? 0) / 1000)"]
        notices.send(["WATCHDOG=1"] + more, status: status)
    }

    private var status: String {
        guard engine.isReady else { return "starting: \(pods) to take up" }
        let counts = engine.counts
        let operations = "\(counts.operations) operation\(counts.operations == 1 ? "" : "s")"
        let refused = engine.refusal == nil ? "" : "; creates are refused, see /readyz"
        return "\(pods), \(operations) under way, \(counts.stalled) stalled\(refused)"
    }

    private var pods: String {
        let count = engine.counts.pods
        return "\(count) pod\(count == 1 ? "" : "s")"
    }
}
