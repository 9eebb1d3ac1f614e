// Looks at what a create needs of the host: at the start, when a create comes, and periodically.
// Whatever is wrong, the daemon starts and deletes continue; creates are refused with the reason
// (law 25).

import EventLoop
import Host
import Kernel
import Linux
import Metrics
import Synchronization

@Loop final class RuntimeWatch {
    nonisolated let layout: Layout
    nonisolated let log: Log
    private nonisolated let metrics: Metrics
    private nonisolated let seen: Mutex<RuntimeStatus>
    /// The question that was asked last, until its process has ended.
    weak var question: Question?
    /// The marks of a copied file that turned out not to be a program of ours.
    var refusedShim: String?
    /// The content of the current profile.
    var profile: [UInt8]?
    /// The reason for refusing creates that was logged last.
    private var told: String?
    private let firstLook: LoopSignal

    /// Milliseconds that a program has to answer, even from a busy disk. Meanwhile the former
    /// result counts.
    static let patience: Int64 = 10_000

    nonisolated init(_ layout: Layout, _ log: Log, _ metrics: Metrics) throws(SystemCallFailure) {
        self.layout = layout
        self.log = log
        self.metrics = metrics
        firstLook = try LoopSignal()
        seen = Mutex(RuntimeStatus())
        publish(RuntimeStatus())
    }

    nonisolated var status: RuntimeStatus { seen.withLock { $0 } }

    /// Returns why no create is possible now; `nil` if one is. A call starts a new look unless the
    /// last look is too recent.
    nonisolated func refusal() -> String? {
        let (refusal, isDue) = seen.withLock {
            ($0.refusal, $0.isDue(at: EngineClock.sinceBoot))
        }
        if isDue { onLoop { await self.look() } }
        return refusal
    }

    /// Looks periodically, without end.
    nonisolated func start() { onLoop { await self.lookNowAndThen() } }

    /// Waits for the end of the first look, at most `milliseconds`. The thread that starts the
    /// daemon calls it.
    nonisolated func waitForFirstLook(milliseconds: CInt) {
        firstLook.wait(milliseconds: milliseconds)
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
            firstLook.send()
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
