// The tables at the end, and the line during the run.

package enum Table {
    /// Columns with the least sufficient width; the first row is the head.
    package static func text(_ rows: [[String]]) -> String {
        guard let head = rows.first else { return "" }
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            line(row.enumerated().map { $1.padded(widths[$0], left: $0 > 0) })
        }
        lines.insert(line(widths.map { String(repeating: "-", count: $0) }), at: 1)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ cells: [String]) -> String {
        var text = cells.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        return text
    }
}

extension Check.Outcome {
    fileprivate var mark: String {
        switch self {
        case .passed: "ok"
        case .failed: "FAILED"
        case .unseen: "unseen"
        case .noted: "-"
        }
    }
}

extension RunResult {
    /// The whole output at the end.
    package var summary: String {
        var text = Table.text(targetRows)
        for line in comparisons + targets.compactMap(\.series) { text += line + "\n" }
        text += "\n" + Table.text(latencyRows) + "\n"
        for check in checks {
            text += check.outcome.mark.padded(7)
            text += "\(check.name): \(check.seen)\n"
            for detail in check.details.prefix(20) { text += "         \(detail)\n" }
            if check.details.count > 20 {
                text += "         and \(check.details.count - 20) more\n"
            }
        }
        if !checks.isEmpty {
            text += "\n\(count(.passed)) held, \(count(.failed)) failed, "
            text += "\(count(.unseen)) not seen\n"
        }
        if let cutShort { text += "\nended early: \(cutShort)\n" }
        return text
    }

    package var targetRows: [[String]] {
        let head = [
            "target", "pods", "failed", "pods/s", "CPU a pod", "p50", "p99", "kills",
        ]
        return [head]
            + targets.map { target in
                let pod = target.latencies.summary(.pod)
                return [
                    target.target.rawValue, "\(target.pods)",
                    "\(target.failed)" + (target.failedByKill > 0 ? "+\(target.failedByKill)" : ""),
                    Figure.short(target.rate), target.cpuPerPod.map(Figure.seconds) ?? "–",
                    pod.map { Figure.seconds($0.p50) } ?? "–",
                    pod.map { Figure.seconds($0.p99) } ?? "–", "\(target.kills.count)",
                ]
            }
    }

    package var latencyRows: [[String]] {
        var rows = [["latency", "count", "p50", "p90", "p95", "p99", "max"]]
        for target in targets {
            for phase in Phase.allCases {
                guard let found = target.latencies.summary(phase) else { continue }
                rows.append(
                    ["\(target.target.rawValue): \(phase.title)", "\(found.count)"]
                        + [found.p50, found.p90, found.p95, found.p99, found.most].map(
                            Figure.seconds))
            }
            if let row = target.restartRow { rows.append(row) }
        }
        return rows
    }

    /// Compares Staunch with each other target of the run.
    package var comparisons: [String] {
        guard let own = targets.first(where: { $0.target == .staunch }), own.pods > 0 else {
            return []
        }
        return targets.filter { $0.target != .staunch && $0.pods > 0 }.map { other in
            var parts = ["pods/s × \(Figure.short(own.rate / other.rate))"]
            if let mine = own.cpuPerPod, let theirs = other.cpuPerPod, mine > 0 {
                parts.append("CPU a pod ÷ \(Figure.short(theirs / mine))")
            }
            if let mine = own.latencies.summary(.pod), let theirs = other.latencies.summary(.pod) {
                parts.append("p50 ÷ \(Figure.short(theirs.p50 / mine.p50))")
                parts.append("p99 ÷ \(Figure.short(theirs.p99 / mine.p99))")
            }
            return "against \(other.target.rawValue): " + parts.joined(separator: ", ")
        }
    }
}

extension TargetResult {
    /// What the pods' tasks had to do; `nil` if nothing was asked of them.
    package var series: String? {
        var parts: [String] = []
        if execs > 0 { parts.append("\(execs) execs, of them \(execsCut) cut") }
        if lines > 0 { parts.append("\(lines) lines followed") }
        if attempts > 0 { parts.append("\(attempts) attempts of restarted tasks") }
        return parts.isEmpty ? nil : "\(target.rawValue): " + parts.joined(separator: ", ")
    }

    /// How long the daemon was not ready after a kill.
    fileprivate var restartRow: [String]? {
        let sorted = restarts.sorted()
        guard let most = sorted.last else { return nil }
        let shares = [0.5, 0.9, 0.95, 0.99].map { share in
            sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        }
        return ["\(target.rawValue): daemon killed, to ready", "\(sorted.count)"]
            + (shares + [most]).map(Figure.seconds)
    }
}

/// The progress in one line.
package struct Progress: Sendable {
    package var target = Target.staunch
    package var at = 0.0
    package var pods = 0
    /// Pods per second in the recent past.
    package var rate = 0.0
    package var latencies = Latencies()
    package var last = Sample()
    package var orphans: Int?
    package var kills = 0

    package init() {}

    /// The most important part first, because a narrow terminal cuts the end off. Latencies are p50
    /// and p99.
    package var line: String {
        var parts = [
            "\(target.rawValue) \(Figure.clock(at))", "\(pods) pods", "\(Figure.fixed(rate, 1))/s",
        ]
        if let open = last.openOperations { parts.append("\(open) open") }
        if let orphans { parts.append("\(orphans) orphans") }
        if let memory = last.memory { parts.append(Figure.bytes(memory)) }
        for phase in [Phase.create, .delete] {
            guard let found = latencies.summary(phase) else { continue }
            let times = "\(Figure.seconds(found.p50))/\(Figure.seconds(found.p99))"
            parts.append("\(phase.title) \(times)")
        }
        if kills > 0 { parts.append("\(kills) kills") }
        return parts.joined(separator: "  ")
    }
}
