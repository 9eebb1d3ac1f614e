// From what was seen to what had to hold.

/// What is looked at after the last delete.
package struct Findings: Sendable {
    package var strays: [String] = []
    /// What the census shows more than before the first create; `nil` where none was taken.
    package var left: [String]?
    package var openOperations: [String] = []
    package var exits = ExitFindings()
    /// Answers that the API does not promise, creates that failed for no reason of ours.
    package var surprises: [String] = []
    /// Whether the end of the run could be asked about at all.
    package var isAnswering = true

    package init() {}
}

package enum Verdict {
    package static func checks(_ findings: Findings, _ samples: [Sample]) -> [Check] {
        guard findings.isAnswering else {
            return [Check("the daemon answers", .failed, "gone", findings.surprises)]
        }
        return [
            none("strays in the account", findings.strays),
            census(findings.left),
            none("operations left open", findings.openOperations),
            exits(findings.exits),
            none("exits doubled", findings.exits.doubled),
            none("exits untrue", findings.exits.untrue),
            none("answers that were not promised", findings.surprises),
            flat("daemon's memory", samples.compactMap(\.memory), 1_048_576, Figure.bytes),
            flat("daemon's descriptors", samples.compactMap(\.descriptors), 8, Figure.short),
            flat("a shim's memory", shims(samples, \.memory), 65536, Figure.bytes),
            flat("a shim's descriptors", shims(samples, \.descriptors), 2, Figure.short),
        ]
    }

    private static func shims(
        _ samples: [Sample], _ value: (ShimUsage) -> Double
    ) -> [Double] {
        samples.map(\.shims).filter { $0.count > 0 }.map(value)
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
        return Check("exits lost", found.lost.isEmpty ? .passed : .failed, seen, found.lost)
    }

    private static func flat(
        _ name: String, _ values: [Double], _ slack: Double, _ text: (Double) -> String
    ) -> Check {
        guard let trend = Trend(values) else {
            return Check("\(name) flat", .unseen, "the run was too short")
        }
        let seen = "\(text(trend.first)) → \(text(trend.last))"
        return Check("\(name) flat", trend.isFlat(slack: slack) ? .passed : .failed, seen)
    }
}
