// Turns the observations into checks.

/// The observations after the last delete.
package struct Findings: Sendable {
    package var orphans: [String] = []
    /// The differences from the census before the first create; `nil` if none was taken.
    package var left: [String]?
    package var openOperations: [String] = []
    package var exits = ExitFindings()
    /// `nil` if the run asked for none.
    package var execs: SeriesFindings?
    package var lines: SeriesFindings?
    package var attempts: SeriesFindings?
    /// Answers that the API does not promise, and failed creates that no kill explains.
    package var surprises: [String] = []
    /// Whether the server answered the questions at the end of the run.
    package var isAnswering = true

    package init() {}
}

package enum Checks {
    package static func checks(_ findings: Findings, _ samples: [Sample]) -> [Check] {
        guard findings.isAnswering else {
            return [Check("the daemon answers", .failed, "gone", findings.surprises)]
        }
        let series = [
            ("execs", findings.execs), ("lines followed", findings.lines),
            ("exits of attempts", findings.attempts),
        ]
        return series.flatMap { $0.1?.checks($0.0) ?? [] } + [
            none("orphans in the audit", findings.orphans),
            census(findings.left),
            none("operations left open", findings.openOperations),
            exits(findings.exits),
            doubled(findings.exits),
            ended("exits untrue", findings.exits, findings.exits.untrue),
            none("answers that were not promised", findings.surprises),
            daemon("daemon's memory", samples, \.memory, 1_048_576, Figure.bytes),
            daemon("daemon's descriptors", samples, \.descriptors, 8, Figure.short),
            alike("shims' memory", samples, \.memory, 65536, Figure.bytes),
            alike("shims' descriptors", samples, \.descriptors, 2, Figure.short),
            // Few pods with restarts run at a time. A page of the program that only one of their
            // shims has touched counts as private.
            shim(
                "a shim's memory", samples, \.memory,
                findings.attempts == nil ? 65536 : 262_144, Figure.bytes),
            // A restart has pipes and a runtime for a moment.
            shim(
                "a shim's descriptors", samples, \.descriptors, findings.attempts == nil ? 2 : 6,
                Figure.short),
        ]
    }

    private static func none(_ name: String, _ items: [String]) -> Check {
        Check(name, items.isEmpty ? .passed : .failed, "\(items.count)", items)
    }

    private static func census(_ left: [String]?) -> Check {
        guard let left else { return Check("left on the machine", .unseen, "no census") }
        return none("left on the machine", left)
    }

    private static func exits(_ found: ExitFindings) -> Check {
        var seen = "\(found.lost.count) of \(found.tasks)"
        if found.unknown > 0 { seen += " (\(found.unknown) unknown)" }
        if found.neverRan > 0 { seen += " (\(found.neverRan) never ran)" }
        return ended("exits lost", found, found.lost, seen)
    }

    /// Only the events can show that no exit is reported twice.
    private static func doubled(_ found: ExitFindings) -> Check {
        guard found.doubled.isEmpty, !found.wasFollowed else {
            return ended("exits doubled", found, found.doubled)
        }
        return Check("exits doubled", .unseen, "the events were not followed to the end")
    }

    /// If no pod ended, the check has seen nothing.
    private static func ended(
        _ name: String, _ found: ExitFindings, _ items: [String], _ seen: String? = nil
    ) -> Check {
        guard items.isEmpty, found.pods == 0 else {
            let outcome: Check.Outcome = items.isEmpty ? .passed : .failed
            return Check(name, outcome, seen ?? "\(items.count)", items)
        }
        return Check(name, .unseen, "no pod ended")
    }
}

// MARK: Growth

extension Checks {
    private static func daemon(
        _ name: String, _ samples: [Sample], _ value: (Sample) -> Double?, _ slack: Double,
        _ text: (Double) -> String
    ) -> Check {
        let looks = samples.compactMap { sample -> Look<Double>? in
            guard let life = sample.daemonStart, let value = value(sample) else { return nil }
            return Look(life: life, at: sample.at, value: value)
        }
        return Growth(looks).check(name, slack: slack, text)
            ?? Check("\(name) flat", .unseen, "no daemon was seen for \(Growth.needed)")
    }

    /// Compares the shims at the end of the run with those at the beginning.
    private static func alike(
        _ name: String, _ samples: [Sample], _ value: (ShimUsage) -> Double, _ slack: Double,
        _ text: (Double) -> String
    ) -> Check {
        let values = samples.map(\.shims).filter { $0.count > 0 }.map(value)
        guard let trend = Trend(values) else {
            return Check("\(name) alike throughout", .unseen, "the run was too short")
        }
        let seen = "\(text(trend.first)) → \(text(trend.last))"
        let outcome: Check.Outcome = trend.isFlat(slack: slack) ? .passed : .failed
        return Check("\(name) alike throughout", outcome, seen)
    }

    /// Only noted if no pod was held for long enough, because a run of short pods cannot show
    /// growth.
    private static func shim(
        _ name: String, _ samples: [Sample], _ value: (ShimLook) -> Double, _ slack: Double,
        _ text: (Double) -> String
    ) -> Check {
        let looks = samples.flatMap { sample in
            sample.shims.each.map { Look(life: $0.life, at: sample.at, value: value($0)) }
        }
        return Growth(looks).check(name, slack: slack, text)
            ?? Check("\(name) flat", .noted, "no pod was held for \(Growth.needed)")
    }
}
