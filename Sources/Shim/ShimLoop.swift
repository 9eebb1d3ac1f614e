// The event loop: one thread and one epoll, and the meaning of each descriptor.

import Linux
import ShimProtocol

/// The meaning of a descriptor in the epoll set. The descriptor's number makes a tag unique, and a
/// tag is looked up only while its descriptor is open.
enum Watched: Hashable {
    case signals, listener, connection
    case output(CInt)
    case talk(CInt)
    case exec(CInt)
    case writer(CInt)
    case check(CInt)

    var tag: UInt64 {
        switch self {
        case .signals: 0
        case .listener: 1
        case .connection: 2
        case .output(let number): 1 << 32 | UInt64(UInt32(bitPattern: number))
        case .talk(let number): 2 << 32 | UInt64(UInt32(bitPattern: number))
        case .exec(let number): 3 << 32 | UInt64(UInt32(bitPattern: number))
        case .writer(let number): 4 << 32 | UInt64(UInt32(bitPattern: number))
        case .check(let number): 5 << 32 | UInt64(UInt32(bitPattern: number))
        }
    }

    init?(tag: UInt64) {
        let number = CInt(truncatingIfNeeded: tag)
        switch (tag >> 32, number) {
        case (0, 0): self = .signals
        case (0, 1): self = .listener
        case (0, 2): self = .connection
        case (1, _): self = .output(number)
        case (2, _): self = .talk(number)
        case (3, _): self = .exec(number)
        case (4, _): self = .writer(number)
        case (5, _): self = .check(number)
        default: return nil
        }
    }
}

extension Shim {
    /// Runs until the shim exits. Only `wait` blocks.
    func run() -> Never {
        while true {
            if isMemoryDue {
                isMemoryDue = false
                Sandbox.giveMemoryBack()
            }
            for event in epoll.wait(milliseconds: millisecondsToNextTimer()) {
                guard let watched = Watched(tag: event.tag) else { continue }
                handle(watched, event.interest)
            }
            fireTimers()
        }
    }

    private func handle(_ watched: Watched, _ interest: Epoll.Interest) {
        switch watched {
        case .signals:
            while let signal = signals.next() {
                if signal == ShimSettings.showSignal { showAgain() }
            }
            reapAll()
        case .listener: acceptAll()
        case .connection:
            if interest.hasAny(of: .writable) { flush() }
            if interest.hasAny(of: .readable | .hungUp | .failed) {
                receiveAll()
                isMemoryDue = true
            }
        case .exec(let number): execTold(number)
        case .check(let number): checkReady(number)
        case .output(let number): output(of: number)?.readable(number, interest)
        case .talk(let number):
            slots.values.lazy.compactMap { $0.job?.talk }.first { $0.owns(number) }?.listen()
        case .writer(let number):
            slots.values.lazy.compactMap(\.output).first { $0.hears(number) }?.hearWriter()
        }
    }

    private func output(of number: CInt) -> TaskOutput? {
        for slot in slots.values {
            if let output = slot.output, output.owns(number) { return output }
        }
        return nil
    }

    private func millisecondsToNextTimer() -> CInt {
        var next = listensAgainAt ?? .max
        for slot in slots.values {
            next = min(next, slot.stop?.nextLook ?? .max)
            next = min(next, slot.nextProbe ?? .max)
            next = min(next, slot.filterCheck?.nextLook ?? .max)
            next = min(next, slot.restarts?.next?.look ?? .max)
            next = min(next, slot.output?.nextTimer ?? .max)
            next = min(next, slot.health?.nextTimer ?? .max)
        }
        for exec in execs { next = min(next, exec.killAt ?? .max, exec.keeperKillAt ?? .max) }
        for run in checkRuns { next = min(next, run.killAt ?? .max) }
        if next == .max { return -1 }
        let nanoseconds = max(0, next - SystemClock.sinceBoot)
        return CInt(min(nanoseconds / 1_000_000 + 1, 60_000))
    }

    private func fireTimers() {
        let now = SystemClock.sinceBoot
        if let listensAgainAt, listensAgainAt <= now { listenAgain() }
        killLostExecs(now)
        killCheckRuns(now)
        for slot in slots.values {
            if let look = slot.stop?.nextLook, look <= now { advanceStop(slot) }
            if let probe = slot.nextProbe, probe <= now { sendHeld(slot) }
            if let look = slot.filterCheck?.nextLook, look <= now { checkFilter(slot) }
            slot.output?.fireTimers(now)
            if let look = slot.restarts?.next?.look, look <= now { advanceRestart(slot) }
            if slot.health != nil { advanceHealth(slot, now) }
        }
    }
}
