// What is killed and when: `--kill daemon --every 20 --kill shim --every 30`.

package enum Victim: String, CaseIterable, Sendable {
    case daemon, shim, runc, any
}

package struct KillOrder: Equatable, Sendable {
    package let victim: Victim
    /// Seconds.
    package let every: Double

    package init(_ victim: Victim, every: Double) {
        self.victim = victim
        self.every = every
    }
}

/// Returns the kills that are due. If an order missed several moments, because the daemon took long
/// to restart, it is due only once.
package struct NemesisSchedule: Sendable {
    private var next: [(order: KillOrder, at: Double)]

    package init(_ orders: [KillOrder]) { next = orders.map { ($0, $0.every) } }

    /// `now` is in seconds since the start; the victims are in the order of the command line.
    package mutating func due(at now: Double) -> [Victim] {
        var victims: [Victim] = []
        for index in next.indices where next[index].at <= now {
            victims.append(next[index].order.victim)
            let missed = ((now - next[index].at) / next[index].order.every).rounded(.down)
            next[index].at += (missed + 1) * next[index].order.every
        }
        return victims
    }
}

/// A kill that happened.
package struct Kill: Equatable, Sendable {
    /// Seconds since the start.
    package let at: Double
    package let victim: Victim
    package let pid: Int32
    /// The uid of the victim's pod; empty for the daemon.
    package let podUID: String

    package init(at: Double, victim: Victim, pid: Int32, podUID: String = "") {
        self.at = at
        self.victim = victim
        self.pid = pid
        self.podUID = podUID
    }
}
