// Whether what a process has of its own stays flat over its life.
//
// A leak ends with the process that has it, and a run that kills the daemon ends it again and
// again: first and last quarter of such a run are alike, however much each daemon leaks. So each
// life is judged by itself, and a life that is too short for that is told, and never passed.

/// The first quarter of some values against the last, by their medians: a look that catches a shim
/// in the middle of a fork is not the rule.
package struct Trend: Equatable, Sendable {
    package let first: Double
    package let last: Double

    /// `nil` where there are too few to speak of quarters.
    package init?(_ values: [Double], atLeast least: Int = 20) {
        guard values.count >= max(least, 4) else { return nil }
        let quarter = values.count / 4
        first = Trend.median(values.prefix(quarter))
        last = Trend.median(values.suffix(quarter))
    }

    private static func median(_ values: some Collection<Double>) -> Double {
        values.sorted()[values.count / 2]
    }

    /// What comes and goes by chance is a tenth, or `slack`.
    package func isFlat(slack: Double) -> Bool { last <= first + max(first * 0.1, slack) }

    var growth: Double { last - first }
}

/// One look at a process. `life` tells it from those before and after it.
struct Look<Life: Hashable> {
    let life: Life
    /// Seconds since the start of the run.
    let at: Double
    let value: Double
}

/// The trends of all lives that were seen for long enough.
struct Growth {
    private var trends: [Trend] = []
    private var short = 0

    /// Seconds of a life that are not judged: what a process makes once, it makes in these.
    static let warmUp = 5.0
    /// Looks after that, one a second.
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

    /// How long a life must be to be judged, for people.
    static let needed = "\(Figure.fixed(warmUp + Double(leastLooks), 0)) s"
}
