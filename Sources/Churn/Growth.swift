// Checks whether the private resources of a process stay constant over its life.
//
// A leak ends with its process, and a run that kills the daemon ends it again and again. The first
// and the last quarter of such a run are alike, however much each daemon leaks. So each life is
// judged by itself; a life that is too short is reported, and never passes.

/// Compares the medians of the first and the last quarter of the values. Medians ignore a rare
/// sample that catches a shim in the middle of a fork.
package struct Trend: Equatable, Sendable {
    package let first: Double
    package let last: Double

    /// `nil` if there are too few values for quarters.
    package init?(_ values: [Double], atLeast least: Int = 20) {
        guard values.count >= max(least, 4) else { return nil }
        let quarter = values.count / 4
        first = Trend.median(values.prefix(quarter))
        last = Trend.median(values.suffix(quarter))
    }

    private static func median(_ values: some Collection<Double>) -> Double {
        values.sorted()[values.count / 2]
    }

    /// Growth counts as noise up to a tenth, or up to `slack`.
    package func isFlat(slack: Double) -> Bool { last <= first + max(first * 0.1, slack) }

    var growth: Double { last - first }
}

/// One sample of a process. `life` distinguishes it from earlier and later processes.
struct Look<Life: Hashable> {
    let life: Life
    /// Seconds since the start of the run.
    let at: Double
    let value: Double
}

/// The trends of all lives that were observed for long enough.
struct Growth {
    private var trends: [Trend] = []
    private var short = 0

    /// Seconds at the start of a life that are not judged, because one-time allocations happen
    /// then.
    static let warmUp = 5.0
    /// The number of samples needed after that, one per second.
    static let leastLooks = 12

    init<Life>(_ looks: [Look<Life>]) {
        for looks in Dictionary(grouping: looks, by: \.life).values {
            let begin = (looks.first?.at ?? 0) + Growth.warmUp
            let values = looks.filter { $0.at >= begin }.map(\.value)
            guard let trend = Trend(values, atLeast: Growth.leastLooks) else {
                short += 1
                continue
            }
            trends.append(trend)
        }
    }

    /// `nil` if no life was long enough.
    func check(
        _ name: String, slack: Double, _ text: (Double) -> String
    ) -> Check? {
        guard let worst = trends.max(by: { $0.growth < $1.growth }) else { return nil }
        var seen = "\(text(worst.first)) → \(text(worst.last))"
        if trends.count + short > 1 { seen += ", the most of \(trends.count) lives" }
        if short > 0 { seen += "; \(short) too short" }
        let isFlat = trends.allSatisfy { $0.isFlat(slack: slack) }
        return Check("\(name) flat", isFlat ? .passed : .failed, seen)
    }

    /// The shortest life that can be judged, for people.
    static let needed = "\(Figure.fixed(warmUp + Double(leastLooks), 0)) s"
}
