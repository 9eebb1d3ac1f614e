// Checks the exits of restarted tasks: the events tell each attempt's exit once, and truly.

/// The program of a restarted task counts its runs in a file, and ends with the count.
enum CountingProgram {
    static let exitCodes: Int64 = 200
    static let args = [
        "sh", "-c",
        "n=$(($(cat /runs 2>/dev/null || echo 0) + 1)); echo $n >/runs; "
            + "exit $((n % \(exitCodes)))",
    ]
}

/// The exits of restarted tasks, as events tell them.
package struct AttemptLedger: Sendable {
    /// The exits of each pod in the order of the events.
    private var told: [String: [(attempt: Int64, end: TaskEnd)]] = [:]
    private var ended: [(name: String, uid: String, seen: Int64)] = []
    /// Tasks that waited too long for their next attempt.
    private var stuck: [SeriesFault] = []

    package init() {}

    package mutating func told(podUID: String, attempt: Int64, _ end: TaskEnd) {
        told[podUID, default: []].append((attempt, end))
    }

    /// `seen` is the last attempt whose exit the API showed before the delete.
    package mutating func ended(_ name: String, uid: String, seen: Int64) {
        ended.append((name, uid, seen))
    }

    /// How many exits the events told of the restarted tasks that have ended.
    package var count: Int { ended.reduce(0) { $0 + (told[$1.uid]?.count ?? 0) } }

    package mutating func stuck(_ fault: SeriesFault) { stuck.append(fault) }

    /// The findings about the pods that have ended. `killed` are those in which a process was
    /// killed: the end of an attempt may then be unknown, and its program may not have counted. No
    /// kill explains that events leave an attempt out.
    package func findings(killed: Set<String>) -> SeriesFindings {
        var series = CheckedSeries()
        for fault in stuck { series.add(fault) }
        for pod in ended {
            let exits = told[pod.uid] ?? []
            series.add(exits.count)
            for (kind, what) in faults(exits, seen: pod.seen) {
                let uid = kind == .lost ? "" : pod.uid
                series.add(SeriesFault(kind, uid, "\(pod.name) (\(pod.uid)): \(what)"))
            }
        }
        return series.findings(killed: killed)
    }

    private func faults(
        _ exits: [(attempt: Int64, end: TaskEnd)], seen: Int64
    ) -> [(kind: SeriesFault.Kind, what: String)] {
        var faults: [(kind: SeriesFault.Kind, what: String)] = []
        var last: Int64 = 0
        var known: (attempt: Int64, code: Int64)?
        for (attempt, end) in exits {
            if attempt <= last {
                faults.append((.doubled, "attempt \(attempt) ended after attempt \(last)"))
                continue
            }
            if attempt > last + 1 {
                faults.append((.lost, "attempt \(attempt) ended after attempt \(last)"))
            }
            last = attempt
            guard let code = end.exitCode, end.signal == nil, !end.neverRan else {
                if end.isUnknown { faults.append((.untrue, "attempt \(attempt): unknown")) }
                continue
            }
            if !isNext(code, of: attempt, after: known) {
                let before = known.map { "\($0.code) of attempt \($0.attempt)" } ?? "nothing"
                faults.append((.untrue, "attempt \(attempt): code \(code) after \(before)"))
            }
            known = (attempt, code)
        }
        if last < seen {
            faults.append((.lost, "attempt \(seen) had ended, and events tell \(last)"))
        }
        return faults
    }

    /// The codes count the runs. An attempt that was killed in between may have counted, too.
    private func isNext(
        _ code: Int64, of attempt: Int64, after known: (attempt: Int64, code: Int64)?
    ) -> Bool {
        let (before, from) = (known?.attempt ?? 0, known?.code ?? 0)
        let all = CountingProgram.exitCodes
        let steps = ((code - from) % all + all) % all
        return steps >= 1 && steps <= attempt - before
    }
}
