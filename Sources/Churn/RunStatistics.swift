// The work that the threads of a run have done so far.

import Synchronization

/// A create that failed.
struct FailedCreate: Sendable {
    let pod: String
    let podUID: String
    let why: String
}

final class RunStatistics: Sendable {
    struct State: Sendable {
        var pods = 0
        var latencies = Latencies()
        var ledger = ExitLedger()
        var failures: [FailedCreate] = []
        var execs = CheckedSeries()
        /// The lines of followed logs.
        var lines = CheckedSeries()
        var attempts = AttemptLedger()
        /// Only the first of each kind are kept.
        var surprises: [String] = []
        var kills: [Kill] = []
        var restarts: [Double] = []
        var samples: [Sample] = []
        /// The last audit that was taken.
        var account: [AccountLine] = []
        var cutShort: String?
        /// Whether the events were complete.
        var eventsAreWhole = true
    }

    private let state = Mutex(State())
    let start = now()

    var elapsed: Double { now() - start }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    var snapshot: State { state.withLock { $0 } }

    func record(_ phase: Phase, since began: Double) {
        let took = now() - began
        change { $0.latencies.record(phase, seconds: took) }
    }

    /// Whether the run has killed a process of the pod.
    func isKilled(_ podUID: String) -> Bool {
        state.withLock { $0.kills.contains { $0.podUID == podUID } }
    }

    /// How often the run has killed the daemon.
    var daemonKills: Int { state.withLock { $0.kills.count { $0.victim == .daemon } } }

    func surprise(_ text: String) {
        change { if $0.surprises.count < 1000 { $0.surprises.append(text) } }
    }

    func cutShort(_ why: String) { change { if $0.cutShort == nil { $0.cutShort = why } } }
}

extension RunStatistics.State {
    /// The uids of the pods in which the run killed that kind of process.
    func killed(_ victim: Victim) -> Set<String> {
        Set(kills.filter { $0.victim == victim }.map(\.podUID))
    }

    /// The uids of the pods in which the run killed a process.
    var killedPods: Set<String> { killed(.shim).union(killed(.runc)) }

    /// Failed creates, separated by whether a process of the pod was killed.
    var failuresByCause: (byKill: [FailedCreate], other: [FailedCreate]) {
        let killed = killedPods
        return (
            byKill: failures.filter { killed.contains($0.podUID) },
            other: failures.filter { !killed.contains($0.podUID) }
        )
    }

    var result: (inout TargetResult) -> Void {
        { result in
            result.pods = pods
            result.failed = failuresByCause.other.count
            result.failedByKill = failuresByCause.byKill.count
            result.latencies = latencies
            result.samples = samples
            result.kills = kills
            result.restarts = restarts
            result.execs = execs.count
            result.execsCut = execs.cut
            result.lines = lines.count
            result.attempts = attempts.count
        }
    }
}
