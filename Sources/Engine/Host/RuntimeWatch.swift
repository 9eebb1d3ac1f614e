// Looks at what a create needs of the host: at the start, when a create comes, and periodically.
// Whatever is wrong, the daemon starts and deletes continue; creates are refused with the reason
// (law 25).

import EventLoop
import Linux
import Metrics
import Synchronization

@Loop final class RuntimeWatch {
    nonisolated let layout: Layout
    nonisolated let log: Log
    private nonisolated let metrics: Metrics
    private nonisolated let seen: Mutex<RuntimeStatus>
    /// `false` if the engine's machine is in memory.
    private nonisolated let looks: Bool
    /// The question that was asked last, until its process has ended.
    weak var question: Question?
    /// The marks of a copied file that turned out not to be a program of ours.
    var refusedShim: String?
    /// The content of the current profile.
    var profile: [UInt8]?
    /// The reason for refusing creates that was logged last.
    private var told: String?
    private let firstLook: FirstLook?

    /// Milliseconds that a program has to answer, even from a busy disk. Meanwhile the former
    /// result counts.
    static let patience: Int64 = 10_000

    nonisolated init(_ layout: Layout, _ log: Log, _ metrics: Metrics) throws(SystemCallFailure) {
        self.layout = layout
        self.log = log
        self.metrics = metrics
        looks = true
        firstLook = try FirstLook()
        seen = Mutex(RuntimeStatus())
        publish(RuntimeStatus())
    }

    /// Makes a watch that assumes `status` and never looks.
    nonisolated init(assuming status: RuntimeStatus, _ layout: Layout, _ metrics: Metrics) {
        self.layout = layout
        log = Log(nil)
        self.metrics = metrics
        looks = false
        firstLook = nil
        seen = Mutex(status)
        publish(status)
    }

    nonisolated var status: RuntimeStatus { seen.withLock { $0 } }

    /// Changes the status, for a test's machine.
    nonisolated func assume(_ change: (inout RuntimeStatus) -> Void) {
        seen.withLock { change(&$0) }
    }

    /// Returns why no create is possible now; `nil` if one is. A call starts a new look unless the
    /// last look is too recent.
    nonisolated func refusal() -> String? {
        let (refusal, isDue) = seen.withLock {
            ($0.refusal, $0.isDue(at: EngineClock.sinceBoot))
        }
        if isDue && looks { onLoop { await self.look() } }
        return refusal
    }

    /// Looks periodically, without end.
    nonisolated func start() { onLoop { await self.lookNowAndThen() } }

    /// Waits for the end of the first look, at most `milliseconds`. The thread that starts the
    /// daemon calls it.
    nonisolated func waitForFirstLook(milliseconds: CInt) {
        firstLook?.wait(milliseconds: milliseconds)
    }

    private func lookNowAndThen() async {
        let interval = layout.settings.auditInterval
        while true {
            let rest = status.pause(interval, at: EngineClock.sinceBoot)
            guard rest == 0 else {
                await Loop.shared.reactor.pause(milliseconds: rest)
                continue
            }
            await look()
            firstLook?.end()
        }
    }

    /// Looks once, unless a look is in progress.
    private func look() async {
        guard seen.withLock({ $0.beginLook() }) else { return }
        await lookAtShim()
        await lookAtProfile()
        await lookAtRuntime()
        update { $0.endLook(at: EngineClock.sinceBoot) }
        tell()
    }

    func update(_ change: (inout RuntimeStatus) -> Void) {
        publish(
            seen.withLock {
                change(&$0)
                return $0
            })
    }

    private nonisolated func publish(_ status: RuntimeStatus) {
        let refusals = Set(status.refusals.map(\.part))
        for part in RuntimeStatus.Part.allCases {
            metrics.runtimeAvailable.set(refusals.contains(part) ? 0 : 1, part.rawValue)
        }
    }

    private func tell() {
        let why = status.refusal
        guard why != told else { return }
        told = why
        if let why {
            log.write(.error, "creates are refused", ["why": why])
        } else {
            log.write(.info, "creates are taken again")
        }
    }
}

/// Signals the end of a look on the loop to the thread that starts the daemon.
final class FirstLook: Sendable {
    private let isOver: Wakeup

    init() throws(SystemCallFailure) { isOver = try Wakeup() }

    func end() { isOver.signal() }

    func wait(milliseconds: CInt) {
        ignoring("then the start does not wait") { () throws(SystemCallFailure) in
            let epoll = try Epoll()
            try epoll.add(isOver.descriptor.number, .readable, tag: 0)
            _ = epoll.wait(milliseconds: milliseconds)
        }
    }
}
