// The three types of metric. Each may be updated from any thread: one uncontended lock.

import Synchronization

/// A name with the series of its label values.
package protocol Metric: Sendable {
    var name: String { get }
    func render(into text: inout Exposition)
}

/// Series by label values. Beyond `limit` of them all further values are counted as `other`, so
/// that nobody can fill the memory with labels.
struct Series<Value: Sendable>: Sendable {
    let limit: Int
    var values: [[String]: Value] = [:]

    mutating func update(_ labels: [String], from zero: Value, _ change: (inout Value) -> Void) {
        let isKnown = values[labels] != nil
        let key = isKnown || values.count < limit ? labels : labels.map { _ in "other" }
        change(&values[key, default: zero])
    }

    /// Those that are not there yet begin with `zero`.
    mutating func expect(_ labels: [[String]], from zero: Value) {
        for key in labels where values.count < limit && values[key] == nil { values[key] = zero }
    }

    /// In the order of the label values, so that two renderings compare.
    var sorted: [(key: [String], value: Value)] {
        values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}

/// What only grows.
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

    /// For a total that somebody else counts; a lower one than before is passed over.
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

/// What goes up and down.
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

    /// Counts each of `members`; a series of which there was one before, and is none now, is 0.
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

/// How long things took.
package final class Histogram: Metric {
    /// Upper bounds in seconds: from an answer out of memory to a disk that hangs.
    package static let bounds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]

    private struct Counts: Sendable {
        /// Not cumulative; the last is for what is beyond the bounds.
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
