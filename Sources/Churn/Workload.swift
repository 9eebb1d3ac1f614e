// The pods of a run: workloads, each with a weight.

package enum NetworkMode: String, CaseIterable, Sendable {
    case none, host, bridge, cni
}

/// One workload. All tasks of its pods are alike.
package struct Workload: Equatable, Sendable {
    package var name = "sleeper"
    /// The frequency, relative to the weights of the others.
    package var weight = 1
    package var tasks = 1
    package var network = NetworkMode.none
    /// The network of plugins; `nil` for the daemon's first one.
    package var networkName: String?
    /// Whether a pod on a network of plugins has a host port. A pod on a network of the daemon's
    /// always has one.
    package var publishes = false
    /// Seconds between the pod's start and its delete.
    package var hold = 0.0
    /// Seconds between the stop signal and SIGKILL.
    package var grace = 0.0
    package var args = ["/bin/sleep", "100000"]
    package var readOnly = false
    /// Bytes; `nil` means no limit.
    package var memory: Int64?
    /// The exit code of a task that ends by itself or after its stop signal; `nil` if only a signal
    /// ends the task.
    package var exitCode: Int64?

    /// The number of execs in the first task, before the delete.
    package var execs = 0
    /// Whether the first task numbers lines, and a client follows its log.
    package var follows = false
    /// If it is not 0, the first task ends again and again, until it has done so as often.
    package var restarts: Int64 = 0

    package init() {}

    /// Whether its pods do more than to be there. Only Staunch's pods can.
    package var asksForMore: Bool { execs > 0 || follows || restarts > 0 }

    /// Why the pods of the workload cannot do all of it; `nil` if they can.
    package var contradiction: String? {
        guard restarts > 0 else { return nil }
        if execs > 0 || follows { return "restart goes with neither exec nor follow" }
        return readOnly ? "restart needs a rootfs in which the task can count its runs" : nil
    }

    package var taskNames: [String] { (0..<tasks).map { $0 == 0 ? "app" : "app\($0)" } }
}

/// A mix is never empty, and no weight in it is negative.
package struct Mix: Equatable, Sendable {
    package let workloads: [Workload]

    /// `nil` if no workload could be picked.
    package init?(_ workloads: [Workload]) {
        guard workloads.allSatisfy({ $0.weight >= 0 }), workloads.contains(where: { $0.weight > 0 })
        else { return nil }
        self.workloads = workloads
    }

    package func pick(_ dice: inout Dice) -> Workload {
        var rest = Int(dice.next() % UInt64(workloads.reduce(0) { $0 + $1.weight }))
        for workload in workloads {
            if rest < workload.weight { return workload }
            rest -= workload.weight
        }
        return workloads[workloads.count - 1]
    }
}

/// SplitMix64: the same seed produces the same sequence of workloads.
package struct Dice: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A version 4 UUID (RFC 9562), which names an operation before the request is sent.
package func freshID() -> String {
    var generator = SystemRandomNumberGenerator()
    let high = generator.next() & ~0xf000 | 0x4000
    let low = generator.next() & ~(3 << 62) | 1 << 63
    let digits = Array(hex(high) + hex(low))
    let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
    return parts.map { String(digits[$0]) }.joined(separator: "-")
}

private func hex(_ number: UInt64) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
}
