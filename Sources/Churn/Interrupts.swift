// Ctrl-C: the first ends the run in order, the second ends it without waiting.

package import Kernel
import Linux
import Synchronization

package final class Interrupts: Sendable {
    package enum Level: Int, Comparable, Sendable {
        case none, finish, abandon

        package static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }
    }

    private let signals: SignalDescriptor
    private let raised = Atomic(0)

    /// Must be made before any thread, because threads inherit the blocked signals.
    package init() throws(SystemCallFailure) {
        signals = try SignalDescriptor([1, 2, 15])  // SIGHUP, SIGINT, SIGTERM
    }

    package var level: Level {
        Level(rawValue: min(raised.load(ordering: .relaxed), 2)) ?? .abandon
    }

    package var shouldFinish: Bool { level >= .finish }
    package var shouldAbandon: Bool { level >= .abandon }

    package func start() {
        Thread.start {
            while true {
                if self.signals.next() != nil {
                    self.raised.add(1, ordering: .relaxed)
                } else {
                    Thread.pause(seconds: 0.05)
                }
            }
        }
    }

    /// Acts like a second Ctrl-C, when an awaited event cannot occur any more.
    func abandon() { raised.store(2, ordering: .relaxed) }
    /// Acts like a first Ctrl-C.
    func finish() { raised.max(1, ordering: .relaxed) }
}

/// Seconds of a clock that includes the time in which the machine sleeps.
func now() -> Double { Double(SystemClock.sinceBoot) / 1e9 }

/// Polls `holds`; returns `false` if it did not become true in time.
func wait(atMost seconds: Double, _ holds: () -> Bool) -> Bool {
    let end = now() + seconds
    while !holds() {
        if now() > end { return false }
        Thread.pause(seconds: 0.01)
    }
    return true
}
