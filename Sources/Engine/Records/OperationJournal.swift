// The progress of an operation, for clients that poll it. It exists only in memory, and the
// operation builds it again after a restart.

import EventLoop
import Host
import Kernel
import Metrics
import Model
import Teardown

@Loop final class OperationJournal {
    private let engine: Engine
    private let operation: UID
    private weak var controller: PodController?
    private var began: [ShownStep: Int64] = [:]
    private var blockers: [ShownStep: Blocker] = [:]
    /// The steps that wait for a client's program, and since when.
    private var awaited: [ShownStep: Int64] = [:]
    private var isWatching = false
    /// The steps that are shown as stalled.
    private var stalled: Set<ShownStep> = []

    /// Milliseconds after which a step that has not ended counts as stalled.
    nonisolated static let stallsAfter: Int64 = 5000

    nonisolated init(_ engine: Engine, operation: UID, controller: PodController?) {
        self.engine = engine
        self.operation = operation
        self.controller = controller
    }

    func began(_ step: ShownStep) {
        began[step] = EngineClock.sinceBoot
        show(step) { shown in
            shown.state = .running
            shown.attempts = 1
            shown.startedAt = EngineClock.now
        }
        watch()
    }

    /// Notes that a step's turn has come, so it no longer waits.
    func hasTurn(_ step: ShownStep) {
        guard blockers[step] != nil else { return }
        blockers[step] = nil
        if stalled.remove(step) != nil { engine.registry.show(operation) { $0.stalled = nil } }
        began[step] = EngineClock.sinceBoot
        show(step) { shown in
            shown.startedAt = EngineClock.now
            shown.detail = nil
        }
    }

    func waits(_ step: ShownStep, for blocker: Blocker) {
        blockers[step] = blocker
        show(step) { shown in
            shown.state = .waiting
            shown.attempts += 1
            shown.detail = blocker.reason
        }
        engine.metrics.stepRetries.add(1, step.name.text, blocker.errno ?? "none")
        tell(.warning, "step waits", step, "why", blocker.reason)
    }

    /// Notes that a step waits for a client's program, which is no fault: the step never counts as
    /// stalled, and nothing is tried again.
    func awaits(_ step: ShownStep, _ reason: String) {
        let isNew = awaited[step] == nil
        if isNew { awaited[step] = EngineClock.sinceBoot }
        began[step] = nil
        blockers[step] = nil
        if stalled.remove(step) != nil { engine.registry.show(operation) { $0.stalled = nil } }
        show(step) { shown in
            if isNew { shown.startedAt = EngineClock.now }
            shown.state = .waiting
            shown.attempts = 1
            shown.detail = reason
        }
    }

    /// Notes that something hinders a step that waits for a client's program.
    func isBlocked(_ step: ShownStep, by blocker: Blocker) {
        if began[step] == nil { began(step) }
        guard blockers[step] != blocker else { return }
        waits(step, for: blocker)
    }

    /// Notes when a waiting step is tried again; `nil` when the attempt begins.
    func pauses(_ step: ShownStep, milliseconds: Int64?) {
        let at = milliseconds.map { Timestamp(milliseconds: EngineClock.wall + $0) }
        show(step) { $0.retryAt = at }
    }

    func ended(_ step: ShownStep, skipped: Bool) {
        let started = close(step) { shown in
            shown.state = skipped ? .skipped : .succeeded
            shown.detail = nil
        }
        tell(.debug, "step ended", step, "skipped", "\(skipped)")
        if let started {
            let seconds = Double(EngineClock.sinceBoot - started) / 1e9
            engine.metrics.stepDuration.observe(seconds: seconds, step.name.text)
        }
    }

    /// Notes that an operator has given a step up, and what is left.
    func abandoned(_ step: ShownStep, _ forsaken: Forsaken) {
        let left = forsaken.left?.reason
        engine.registry.show(operation) { $0.abandonment?.left = left }
        _ = close(step) { shown in
            shown.state = .abandoned
            shown.detail = left ?? "nothing more was seen"
        }
        engine.metrics.stepsAbandoned.add(1, step.name.text)
        tell(.warning, "step abandoned", step, "left", left ?? "nothing that can be seen")
    }

    /// The word of an operator that gives the step up; `nil` if there is none.
    func abandonment(of step: RemovalStep) -> Abandonment? {
        let known = engine.registry.openOperation(operation)?.abandonment
        return known?.step == step ? known : nil
    }

    /// Notes that a step runs again, because its blocker is gone.
    func resumes(_ step: ShownStep) {
        _ = close(step) { shown in
            shown.state = .running
            shown.detail = nil
        }
        show(step) { $0.finishedAt = nil }
    }

    /// Notes that a step of a create failed.
    func failed(_ step: ShownStep, _ detail: String) {
        _ = close(step) { shown in
            shown.state = .failed
            shown.detail = detail
        }
    }

    /// Closes a step. Returns when it had begun.
    private func close(
        _ step: ShownStep, _ change: (inout OperationStep) -> Void
    ) -> Int64? {
        blockers[step] = nil
        show(step) { shown in
            change(&shown)
            shown.finishedAt = EngineClock.now
        }
        if stalled.remove(step) != nil { engine.registry.show(operation) { $0.stalled = nil } }
        let since = awaited.removeValue(forKey: step)
        return began.removeValue(forKey: step) ?? since
    }

    private func show(_ step: ShownStep, _ change: (inout OperationStep) -> Void) {
        engine.registry.show(operation) { $0.step(step.name, step.object, change) }
    }

    /// Looks once a second, while a step lasts, at what the step waits for.
    private func watch() {
        guard !isWatching else { return }
        isWatching = true
        Loop.shared.reactor.after(milliseconds: 1000) { [weak self] in onLoop { self?.look() } }
    }

    private func look() {
        isWatching = false
        let second: Int64 = 1_000_000_000
        for (step, since) in began where EngineClock.sinceBoot - since >= second {
            look(step, since)
        }
        if !began.isEmpty { watch() }
    }

    private func look(_ step: ShownStep, _ since: Int64) {
        let waited = (EngineClock.sinceBoot - since) / 1_000_000
        let turn = controller?.turnWaitedFor(by: operation)
        if let turn { blockers[step] = Blocker(turn) }
        let plugin = step.name.isOfNetwork ? controller?.pluginWaitedFor() : nil
        let seen =
            turn ?? plugin ?? controller?.whatIsWaitedFor(step.object) ?? blockers[step]?.reason
        if let seen { show(step) { $0.detail = seen } }
        guard waited >= OperationJournal.stallsAfter else { return }
        let why = seen ?? "no answer yet"
        let stall = PodOperation.Stall(
            since: Timestamp(milliseconds: EngineClock.wall - waited), step: step.name, why: why)
        engine.registry.show(operation) { $0.stalled = stall }
        if stalled.insert(step).inserted { tell(.warning, "step stalled", step, "why", why) }
    }

    private func tell(
        _ level: LogLevel, _ message: StaticString, _ step: ShownStep,
        _ key: StaticString, _ value: String
    ) {
        guard engine.log.wants(level),
            let owner = engine.registry.openOperation(operation)?.target.owner
        else { return }
        engine.log.write(
            level, message,
            [
                "operation": "\(operation)", "step": step.name.text,
                "task": step.object?.text ?? "-",
                "pod": owner.name, "uid": "\(owner.uid)",
                key: value,
            ])
    }
}

extension StepName {
    /// Whether plugins may run for the step.
    fileprivate var isOfNetwork: Bool {
        self == .create(.networkAttach) || self == .removal(.networkDetach)
    }
}

extension OperationJournal: Journal {
    @Loop func began(_ step: TeardownStep) { began(ShownStep(step)) }
    @Loop func waits(_ step: TeardownStep, for blocker: Blocker) {
        waits(ShownStep(step), for: blocker)
    }
    @Loop func abandoned(_ step: TeardownStep, _ forsaken: Forsaken) {
        abandoned(ShownStep(step), forsaken)
    }
    @Loop func ended(_ step: TeardownStep, skipped: Bool) {
        ended(ShownStep(step), skipped: skipped)
    }
}
