// signal: sends a signal to the task's program, never to the runtime's init that is about to become
// it.
//
// The runtime returns before its init has executed the program. A signal to that init is not the
// task's: runc's init ends with code 2 at SIGTERM. So every signal but SIGKILL waits for the exec.
// The kernel does not report an exec, so the shim polls for it.

import Kernel
import Linux
import ShimProtocol

/// A signal that waits for the program.
struct HeldSignal {
    let number: Int32
    let id: UInt32
    let since: Int64
}

extension TaskSlot {
    /// The runtime has confirmed a start: the program is executed soon.
    var willRun: Bool { startsAtOnce || hasStarted }
}

extension Shim {
    func signal(_ task: String, _ number: Int32, id: UInt32) {
        guard let slot = slots[task], slot.isAlive, let process = slot.process else {
            return reply(id, .failed(.notRunning, detail: "the task has no process"))
        }
        if number == 9 {
            Children.signal(process.pid, number)
            return reply(id, .done)
        }
        slot.held.append(HeldSignal(number: number, id: id, since: SystemClock.sinceBoot))
        sendHeld(slot)
    }

    /// Sends the held signals if the program runs; refuses them if it will not run.
    func sendHeld(_ slot: TaskSlot) {
        slot.nextProbe = nil
        guard let first = slot.held.first else { return }
        if let process = slot.process, hasRun(slot) {
            for signal in slot.held { Children.signal(process.pid, signal.number) }
            return answerHeld(slot, .done)
        }
        guard slot.isAlive, slot.willRun || slot.job?.kind == .start else {
            return answerHeld(slot, .failed(.notRunning, detail: "the task does not run"))
        }
        slot.nextProbe = nextProbe(waitingSince: first.since)
    }

    private func answerHeld(_ slot: TaskSlot, _ answer: ShimReply) {
        let ids = slot.held.map(\.id)
        slot.held = []
        reply(to: ids, answer)
    }

    /// A millisecond at first, then longer: a frozen process may never execute the program.
    func nextProbe(waitingSince since: Int64) -> Int64 {
        let now = SystemClock.sinceBoot
        return now + min(max((now - since) / 16, 1_000_000), 100_000_000)
    }

    /// Whether the task's process is alive and has executed the program.
    func hasRun(_ slot: TaskSlot) -> Bool {
        guard slot.isAlive, let process = slot.process else { return false }
        if !slot.hasRun { slot.hasRun = ProcFS.hasExecuted(process.pid) ?? false }
        return slot.hasRun
    }
}
