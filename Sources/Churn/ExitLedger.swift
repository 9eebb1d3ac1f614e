// Checks that every task has exactly one true exit (LAWS.md, S5). It compares the client's reads,
// the operation's result, and the number of events.

/// How a task ended, as the API reports it.
package struct TaskEnd: Equatable, Sendable {
    package let exitCode: Int64?
    package let signal: String?
    package let isUnknown: Bool
    /// The task was ended before the runtime had executed its program.
    package let neverRan: Bool
    package let finishedAt: String?

    package init(
        exitCode: Int64?, signal: String?, isUnknown: Bool, neverRan: Bool = false,
        finishedAt: String?
    ) {
        self.exitCode = exitCode
        self.signal = signal
        self.isUnknown = isUnknown
        self.neverRan = neverRan
        self.finishedAt = finishedAt
    }

    /// Whether this reports an end at all.
    var isThere: Bool {
        isUnknown || neverRan || exitCode != nil || signal != nil || finishedAt != nil
    }

    /// Whether a task of this workload can end this way.
    func isPossible(for workload: Workload) -> Bool {
        // A task that was held for a second has executed its program long before.
        if neverRan { return exitCode == nil && (workload.hold < 1 || workload.restarts > 0) }
        if let signal { return exitCode == nil && (signal == "KILL" || signal == "TERM") }
        if workload.restarts > 0 { return exitCode != nil }  // the ledger of attempts knows more
        return exitCode != nil && exitCode == workload.exitCode
    }

    var text: String {
        if isUnknown { return "unknown" }
        if neverRan { return "never ran" }
        return signal.map { "signal \($0)" } ?? exitCode.map { "code \($0)" } ?? "nothing"
    }
}

/// The end of a pod, as its delete reports it.
package struct PodEnd: Sendable {
    package let name: String
    package let uid: String
    package let workload: Workload
    package let exits: [String: TaskEnd]
    /// The exits that a read before the delete already showed.
    package let seenBefore: [String: TaskEnd]

    package init(
        name: String, uid: String, workload: Workload, exits: [String: TaskEnd],
        seenBefore: [String: TaskEnd]
    ) {
        self.name = name
        self.uid = uid
        self.workload = workload
        self.exits = exits
        self.seenBefore = seenBefore
    }
}

package struct ExitLedger: Sendable {
    private var ended: [PodEnd] = []
    /// The number of exits that the events reported, by pod and task.
    private var told: [String: Int] = [:]
    /// The number of events that reported a pod's end, by pod.
    private var gone: [String: Int] = [:]

    package init() {}

    package mutating func ended(_ pod: PodEnd) { ended.append(pod) }

    package mutating func told(podUID: String, task: String) {
        told["\(podUID)/\(task)", default: 0] += 1
    }

    package mutating func told(gone podUID: String) { gone[podUID, default: 0] += 1 }

    /// Whether the events have reported the end of every pod.
    package var isComplete: Bool { ended.allSatisfy { gone[$0.uid] != nil } }

    /// `killed` are the pods whose shim was killed: only their exits may be unknown. `followed`:
    /// whether the events were followed from before the first pod.
    package func findings(killed: Set<String>, followed: Bool) -> ExitFindings {
        var found = ExitFindings()
        found.wasFollowed = followed
        for pod in ended {
            found.pods += 1
            for task in pod.workload.taskNames { judge(pod, task, killed, followed, &found) }
            if followed { judge(pod, &found) }
            for stranger in pod.exits.keys where !pod.workload.taskNames.contains(stranger) {
                found.doubled.append("\(pod.name)/\(stranger): an exit of no task")
            }
        }
        return found
    }

    private func judge(_ pod: PodEnd, _ found: inout ExitFindings) {
        let times = gone[pod.uid] ?? 0
        if times == 0 { found.lost.append("\(pod.name): no event tells that it is gone") }
        if times > 1 { found.doubled.append("\(pod.name): \(times) events tell that it is gone") }
    }

    private func judge(
        _ pod: PodEnd, _ task: String, _ killed: Set<String>, _ followed: Bool,
        _ found: inout ExitFindings
    ) {
        let wasKilled = killed.contains(pod.uid) ? ", and its shim was killed" : ""
        let place = "\(pod.name)/\(task) (\(pod.uid))"
        guard let end = pod.exits[task] else {
            found.lost.append("\(place): the delete tells no exit\(wasKilled)")
            return
        }
        found.tasks += 1
        if end.isUnknown {
            found.unknown += 1
            let isExplained = killed.contains(pod.uid) || pod.workload.restarts > 0
            if !isExplained { found.lost.append("\(place): unknown, unasked") }
        } else if end.neverRan {
            found.neverRan += 1
            if !end.isPossible(for: pod.workload) {
                found.untrue.append("\(place): never ran, though it was there for a second")
            }
        } else if !end.isPossible(for: pod.workload) {
            found.untrue.append("\(place): \(end.text)")
        }
        if let seen = pod.seenBefore[task], seen != end {
            found.untrue.append("\(place): \(seen.text) became \(end.text)")
        }
        guard followed else { return }
        let times = told["\(pod.uid)/\(task)"] ?? 0
        if times == 0, pod.seenBefore[task] != nil {
            found.lost.append("\(place): no event tells its exit")
        }
        if times > 1, pod.workload.restarts == 0 {
            found.doubled.append("\(place): \(times) events tell its exit")
        }
    }
}

package struct ExitFindings: Equatable, Sendable {
    package var pods = 0
    package var tasks = 0
    package var unknown = 0
    package var neverRan = 0
    /// Whether the events were followed from before the first pod until after the last.
    package var wasFollowed = true
    package var lost: [String] = []
    package var doubled: [String] = []
    package var untrue: [String] = []

    package init() {}
}
