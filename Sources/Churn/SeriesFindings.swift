// What a run checks of execs, of followed logs and of restarted tasks, each of which it counts.

/// A fault of an exec, of a log or of an attempt.
package struct SeriesFault: Equatable, Sendable {
    package enum Kind: Sendable, CaseIterable { case lost, doubled, untrue }

    package let kind: Kind
    /// The pod, because a kill of one of its processes may explain the fault.
    package let podUID: String
    package let text: String

    package init(_ kind: Kind, _ podUID: String, _ text: String) {
        self.kind = kind
        self.podUID = podUID
        self.text = text
    }
}

/// The faults of all execs, of all followed logs or of all attempts, and how many there were.
package struct CheckedSeries: Sendable {
    package private(set) var count = 0
    /// How many of them ended with the connection of their client.
    package private(set) var cut = 0
    private var faults: [SeriesFault] = []

    package init() {}

    package mutating func add(_ number: Int = 1) { count += number }

    package mutating func addCut() { cut += 1 }

    package mutating func add(_ fault: SeriesFault) { faults.append(fault) }

    /// `killed` are the pods in which a process was killed. Nothing may happen twice there, either.
    package func findings(killed: Set<String>) -> SeriesFindings {
        var found = SeriesFindings(count: count, cut: cut)
        for fault in faults {
            if killed.contains(fault.podUID), fault.kind != .doubled {
                found.byKill += 1
                continue
            }
            switch fault.kind {
            case .lost: found.lost.append(fault.text)
            case .doubled: found.doubled.append(fault.text)
            case .untrue: found.untrue.append(fault.text)
            }
        }
        return found
    }
}

package struct SeriesFindings: Equatable, Sendable {
    package var count = 0
    package var cut = 0
    /// Faults that a kill explains.
    package var byKill = 0
    package var lost: [String] = []
    package var doubled: [String] = []
    package var untrue: [String] = []

    package init(count: Int = 0, cut: Int = 0) {
        self.count = count
        self.cut = cut
    }

    /// The checks. If nothing was counted, they have seen nothing.
    func checks(_ things: String) -> [Check] {
        var seen = " of \(count)"
        if cut > 0 { seen += " (\(cut) cut)" }
        if byKill > 0 { seen += " (\(byKill) by kills)" }
        return [("lost", lost), ("doubled", doubled), ("untrue", untrue)].map { name, items in
            let outcome: Check.Outcome =
                !items.isEmpty ? .failed : count == 0 ? .unseen : .passed
            return Check("\(things) \(name)", outcome, "\(items.count)\(seen)", items)
        }
    }
}
