// Places for the stages of creates and starts that cost the machine: a shim that starts, a helper
// that mounts, the runtime at work.
//
// A crowd of creates would otherwise start as many runtimes at once, and everything else on the
// host would wait for them. Deletes need no place, so they are never behind creates. A stage that
// hangs keeps its place for a while only: then others pass, and it goes on without one.

import EventLoop
import Metrics
import Model

@Loop final class StageGate {
    private struct Ticket {
        let operation: UID
        let turn: CheckedContinuation<StagePlace?, Never>
    }

    private let places: Int
    private let metrics: Metrics
    private var taken = 0
    /// Who waits, by pod; a pod's own in the order in which they came.
    private var waiting: [UID: [Ticket]] = [:]
    /// The pods of those, in the order of their turns: a pod that has had one is the last.
    private var turns: [UID] = []

    nonisolated init(places: Int, _ metrics: Metrics) {
        self.places = places
        self.metrics = metrics
    }

    /// A place for a stage of the operation, once it is its turn; `nil` if it was called off before
    /// that. Whoever has one gives it back.
    func enter(_ operation: UID, of pod: UID) async -> StagePlace? {
        if taken < places && turns.isEmpty { return take() }
        return await withCheckedContinuation { turn in
            if waiting[pod] == nil { turns.append(pod) }
            waiting[pod, default: []].append(Ticket(operation: operation, turn: turn))
            tell()
        }
    }

    /// The operation waits no more for its turn, and does not get it.
    func callOff(_ operation: UID, of pod: UID) {
        let tickets = waiting[pod, default: []].filter { $0.operation == operation }
        guard !tickets.isEmpty else { return }
        waiting[pod]?.removeAll { $0.operation == operation }
        forgetIfServed(pod)
        tell()
        for ticket in tickets { ticket.turn.resume(returning: nil) }
    }

    /// Why the operation has not begun its stage; `nil` if it does not wait for its turn.
    func whatIsWaitedFor(by operation: UID, of pod: UID) -> String? {
        guard waiting[pod]?.contains(where: { $0.operation == operation }) ?? false else {
            return nil
        }
        let others = waiting.values.reduce(-1) { $0 + $1.count }
        return "its turn: \(taken) of \(places) places are taken, and \(others) others wait"
    }

    fileprivate func free(isOverdue: Bool) {
        taken -= 1
        if isOverdue { metrics.stagesOverdue.add(1) }
        while taken < places, let pod = turns.first {
            turns.removeFirst()
            guard let ticket = waiting[pod]?.removeFirst() else { continue }
            turns.append(pod)
            forgetIfServed(pod)
            ticket.turn.resume(returning: take())
        }
        tell()
    }

    private func take() -> StagePlace {
        taken += 1
        tell()
        return StagePlace(self)
    }

    private func forgetIfServed(_ pod: UID) {
        guard waiting[pod]?.isEmpty ?? true else { return }
        waiting[pod] = nil
        turns.removeAll { $0 == pod }
    }

    private func tell() {
        metrics.stagesRunning.set(Double(taken))
        metrics.stagesWaiting.set(Double(waiting.values.reduce(0) { $0 + $1.count }))
    }
}

/// One of the gate's places.
@Loop final class StagePlace {
    /// Milliseconds after which others may pass.
    nonisolated static let patience: Int64 = 3000

    private let gate: StageGate
    private var isHeld = true

    fileprivate init(_ gate: StageGate) {
        self.gate = gate
        Loop.shared.reactor.after(milliseconds: StagePlace.patience) {
            onLoop { self.leave(isOverdue: true) }
        }
    }

    func leave() { leave(isOverdue: false) }

    private func leave(isOverdue: Bool) {
        guard isHeld else { return }
        isHeld = false
        gate.free(isOverdue: isOverdue)
    }
}
