// The three types of metrics. Each may be updated from any thread: it takes one uncontended lock.

import Synchronization

/// A metric: a name with one series for each combination of label values.
package protocol Metric: Sendable {
    var name: String { get }
    func render(into text: inout Exposition)
}

/// Series by label values. Beyond `limit` all further values are counted as `other`, so that labels
/// cannot fill the memory.
struct Series<Value: Sendable>: Sendable {
    let limit: Int
    var values: [[String]: Value] = [:]

    mutating func update(_ labels: [String], from zero: Value, _ change: (inout Value) -> Void) {
        let isKnown = values[labels] != nil
        let key = isKnown || values.count < limit ? labels : labels.map { _ in "other" }
        change(&values[key, default: zero])
    }

    /// Adds the missing series with the value `zero`.
    mutating func expect(_ labels: [[String]], from zero: Value) {
        for key in labels where values.count < limit && values[key] == nil { values[key] = zero }
    }

    /// Sorted by label values, so that two renderings can be compared.
    var sorted: [(key: [String], value: Value)] {
        values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}

/// A value that only grows.
package final class Counter: Metric {
    package let name: String
    private let help: String
    private let labels: [String]
    private let series: Mutex<Series<Double>>

    init(_ name: String, _ help: String, labels: [String] = [], atMost limit: Int = 256) {
        self.name = name
        self.help = help
        self.labels = labels
        series = Mutex(Series(limit: limit, values: labels.isEmpty ? [[]: 0] : [:]))
    }

    /// `values` in the order of the label names.
    package func add(_ count: Int = 1, _ values: String...) {
        precondition(values.count == labels.count && count >= 0)
        series.withLock { $0.update(values, from: 0) { $0 += Double(count) } }
    }

    /// Shows these series with 0 before their first event, or `increase()` would not see it.
    package func expect(_ values: [[String]]) {
        precondition(values.allSatisfy { $0.count == labels.count })
        series.withLock { $0.expect(values, from: 0) }
    }

    /// Sets a total that other code counts; a lower total than before is ignored.
    package func raise(to total: Double) {
        precondition(labels.isEmpty)
        series.withLock { $0.update([], from: 0) { $0 = max($0, total) } }
    }

    package func render(into text: inout Exposition) {
        text.head(name, help, "counter")
        for (values, value) in series.withLock({ $0.sorted }) {
            text.sample(name, labels, values, value)
        }
    }
}

/// A value that rises and falls.
package final class Gauge: Metric {
    package let name: String
    private let help: String
    private let labels: [String]
    private let series: Mutex<Series<Double>>

    init(_ name: String, _ help: String, labels: [String] = [], atMost limit: Int = 256) {
        self.name = name
        self.help = help
        self.labels = labels
        series = Mutex(Series(limit: limit, values: labels.isEmpty ? [[]: 0] : [:]))
    }

    package func set(_ value: Double, _ values: String...) {
        precondition(values.count == labels.count)
        series.withLock { $0.update(values, from: 0) { $0 = value } }
    }

    package func add(_ difference: Int, _ values: String...) {
        precondition(values.count == labels.count)
        series.withLock { $0.update(values, from: 0) { $0 += Double(difference) } }
    }

    /// Counts each of `members`; an existing series without a member becomes 0.
    package func replace(_ members: [[String]]) {
        precondition(members.allSatisfy { $0.count == labels.count })
        series.withLock { series in
            for key in series.values.keys { series.values[key] = 0 }
            for values in members { series.update(values, from: 0) { $0 += 1 } }
        }
    }

    package func render(into text: inout Exposition) {
        text.head(name, help, "gauge")
        for (values, value) in series.withLock({ $0.sorted }) {
            text.sample(name, labels, values, value)
        }
    }
}

/// The distribution of durations.
package final class Histogram: Metric {
    /// Upper bounds in seconds: from an answer out of memory to a disk that hangs.
    package static let bounds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]

    private struct Counts: Sendable {
        /// Not cumulative; the last bucket is for values beyond the bounds.
        var buckets = [Int](repeating: 0, count: Histogram.bounds.count + 1)
        var sum = 0.0
    }

    package let name: String
    private let help: String
    private let labels: [String]
    private let series: Mutex<Series<Counts>>

    init(_ name: String, _ help: String, labels: [String]) {
        self.name = name
        self.help = help
        self.labels = labels
        series = Mutex(Series(limit: 128))
    }

    /// Shows these series with 0 before their first event.
    package func expect(_ values: [[String]]) {
        precondition(values.allSatisfy { $0.count == labels.count })
        series.withLock { $0.expect(values, from: Counts()) }
    }

    package func observe(seconds: Double, _ values: String...) {
        precondition(values.count == labels.count)
        let bucket = Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count
        series.withLock {
            $0.update(values, from: Counts()) {
                $0.buckets[bucket] += 1
                $0.sum += seconds
            }
        }
    }

    package func render(into text: inout Exposition) {
        text.head(name, help, "histogram")
        for (values, counts) in series.withLock({ $0.sorted }) {
            var total = 0
            for (bound, count) in zip(Histogram.bounds + [.infinity], counts.buckets) {
                total += count
                let bound = [Exposition.number(bound)]
                text.sample(name + "_bucket", labels + ["le"], values + bound, Double(total))
            }
            text.sample(name + "_sum", labels, values, counts.sum)
            text.sample(name + "_count", labels, values, Double(total))
        }
    }
}
