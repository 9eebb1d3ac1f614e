// Limits how many expensive stages of creates and starts run at once: the start of a shim, the work
// of a mount helper, a call of the runtime.
//
// Without the gate many creates would start as many runtimes at once, and everything else on the
// host would wait for them. Deletes need no place, so creates never delay them. A stage that hangs
// loses its place after a while, and continues without a place.

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
    /// The waiting operations by pod, each pod's in the order in which they came.
    private var waiting: [UID: [Ticket]] = [:]
    /// The pods in `waiting`, in the order of their turns. A pod that has had a turn goes last.
    private var turns: [UID] = []

    nonisolated init(places: Int, _ metrics: Metrics) {
        self.places = places
        self.metrics = metrics
    }

    /// Waits for a place for a stage of the operation; `nil` if the operation was called off before
    /// its turn. The caller gives the place back.
    func enter(_ operation: UID, of pod: UID) async -> StagePlace? {
        if taken < places && turns.isEmpty { return take() }
        return await withCheckedContinuation { turn in
            if waiting[pod] == nil { turns.append(pod) }
            waiting[pod, default: []].append(Ticket(operation: operation, turn: turn))
            tell()
        }
    }

    /// Takes the operation out of the queue, so that it gets no place.
    func callOff(_ operation: UID, of pod: UID) {
        let tickets = waiting[pod, default: []].filter { $0.operation == operation }
        guard !tickets.isEmpty else { return }
        waiting[pod]?.removeAll { $0.operation == operation }
        forgetIfServed(pod)
        tell()
        for ticket in tickets { ticket.turn.resume(returning: nil) }
    }

    /// Returns why the operation has not begun its stage; `nil` if it does not wait for its turn.
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
    /// Milliseconds after which the stage loses its place.
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
