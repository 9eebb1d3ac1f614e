// The progress of an operation, for whoever polls it: kept in memory, found anew after a restart.

import Linux
import Metrics
import Model
import ShimWire
import Teardown

@Loop final class OperationJournal: Journal {
    private let engine: Engine
    /// `nil` where nobody asked, and nobody is told.
    private let operation: UID?
    private weak var owner: PodOwner?
    private var began: [TeardownStep: Int64] = [:]
    private var isWatching = false
    /// Steps that are shown as stalled.
    private var stalled: Set<TeardownStep> = []

    nonisolated init(_ engine: Engine, operation: UID?, owner: PodOwner) {
        self.engine = engine
        self.operation = operation
        self.owner = owner
    }

    @Loop func began(_ step: TeardownStep) {
        began[step] = SystemClock.sinceBoot
        show(step) { shown in
            shown.state = .running
            shown.attempts = 1
            shown.startedAt = Timestamp(milliseconds: SystemClock.wall)
        }
        watch()
    }

    @Loop func waits(_ step: TeardownStep, for obstacle: Obstacle) {
        show(step) { shown in
            shown.state = .waiting
            shown.attempts += 1
            shown.detail = obstacle.reason
        }
        tell(.warning, "step waits", step, "why", obstacle.reason)
    }

    @Loop func ended(_ step: TeardownStep, skipped: Bool) {
        let started = began.removeValue(forKey: step)
        show(step) { shown in
            shown.state = skipped ? .skipped : .succeeded
            shown.finishedAt = Timestamp(milliseconds: SystemClock.wall)
            shown.detail = nil
        }
        if let operation, stalled.remove(step) != nil {
            engine.registry.show(operation) { $0.stalled = nil }
        }
        tell(.debug, "step ended", step, "skipped", "\(skipped)")
        if let started {
            let seconds = Double(SystemClock.sinceBoot - started) / 1e9
            engine.metrics.stepDuration.observe(seconds: seconds, step.name.rawValue)
        }
    }

    /// A step of the way up that could not be done.
    func failed(_ step: TeardownStep, _ detail: String) {
        began[step] = nil
        show(step) { shown in
            shown.state = .failed
            shown.finishedAt = Timestamp(milliseconds: SystemClock.wall)
            shown.detail = detail
        }
    }

    private func show(_ step: TeardownStep, _ change: (inout OperationStep) -> Void) {
        guard let operation else { return }
        engine.registry.show(operation) { $0.step(step.name, step.task, change) }
    }

    /// Once a second for as long as a step lasts: what does it wait for?
    private func watch() {
        guard operation != nil, !isWatching else { return }
        isWatching = true
        Loop.shared.reactor.after(milliseconds: 1000) { [weak self] in
            onLoop { await self?.look() }
        }
    }

    private func look() async {
        isWatching = false
        let second: Int64 = 1_000_000_000
        for (step, since) in began where SystemClock.sinceBoot - since >= second {
            await look(step, since)
        }
        if !began.isEmpty { watch() }
    }

    private func look(_ step: TeardownStep, _ since: Int64) async {
        guard let operation, let owner else { return }
        let why = await owner.whatIsWaitedFor(step.task)
        guard let why, began[step] == since else { return }
        show(step) { $0.detail = why }
        let waited = (SystemClock.sinceBoot - since) / 1_000_000
        guard waited >= 5000 else { return }
        let stall = PodOperation.Stall(
            since: Timestamp(milliseconds: SystemClock.wall - waited), step: step.name, why: why)
        engine.registry.show(operation) { $0.stalled = stall }
        if stalled.insert(step).inserted { tell(.warning, "step stalled", step, "why", why) }
    }

    private func tell(
        _ level: LogLevel, _ message: StaticString, _ step: TeardownStep,
        _ key: StaticString, _ value: String
    ) {
        guard let owner, engine.log.wants(level) else { return }
        engine.log.write(
            level, message,
            [
                "operation": operation.map { "\($0)" } ?? "-", "step": step.name.rawValue,
                "task": step.task?.text ?? "-",
                "pod": engine.registry.pod(owner.uid)?.name.text ?? "-", "uid": "\(owner.uid)",
                key: value,
            ])
    }
}

extension PodOwner {
    /// In words: the child that the shim waits for and where that is in the kernel, or what the
    /// shim says. The shim is asked beside the request that waits; one that does not answer is
    /// named.
    func whatIsWaitedFor(_ task: Label?) async -> String? {
        guard let link, link.isOpen else { return nil }
        if isAskingStatus { return "the shim does not answer: \(place(shim?.process.pid ?? 0))" }
        isAskingStatus = true
        defer { isAskingStatus = false }
        let answer = await link.ask(.status)
        guard case .status(let report)? = answer else { return nil }
        for found in report.tasks where task == nil || found.name == task?.text {
            if let job = found.job, let pid = found.jobPID, let since = found.jobSince {
                let seconds = (SystemClock.sinceBoot - since) / 1_000_000_000
                return "\(job) in the kernel for \(seconds) s: \(place(pid))"
            }
            if let waiting = found.waiting { return waiting }
        }
        return nil
    }

    private func place(_ pid: Int32) -> String {
        let state = ProcessFiles.state(of: pid) ?? "?"
        let channel = ProcessFiles.waitChannel(of: pid).map { ", \($0)" } ?? ""
        return "pid \(pid), state \(state)\(channel)"
    }
}
