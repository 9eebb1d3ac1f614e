// How long each phase took: HdrHistograms of microseconds.

package import Histogram

/// What is timed of a pod.
package enum Phase: String, CaseIterable, Sendable {
    /// From the first request to "it runs", waits for a dead daemon included.
    case create
    /// From the first request to "it is gone".
    case delete
    /// Both of them, without the time that it was held.
    case pod
    /// The request for a create until it was answered.
    case createAnswer
    /// The request for a delete until it was answered.
    case deleteAnswer
    /// A GET of the pod.
    case read

    package var title: String {
        switch self {
        case .create: "create"
        case .delete: "delete"
        case .pod: "pod, create to gone"
        case .createAnswer: "answer to a create"
        case .deleteAnswer: "answer to a DELETE"
        case .read: "answer to a read"
        }
    }
}

package struct Latencies: Sendable {
    private var histograms: [Phase: Histogram<UInt64>] = [:]

    package init() {}

    package mutating func record(_ phase: Phase, seconds: Double) {
        let value = UInt64(max(1, (seconds * 1e6).rounded()))
        histograms[phase, default: Histogram(numberOfSignificantValueDigits: .three)]
            .record(value)
    }

    package func summary(_ phase: Phase) -> LatencySummary? {
        guard let histogram = histograms[phase], histogram.totalCount > 0 else { return nil }
        return LatencySummary(histogram)
    }
}

/// In seconds.
package struct LatencySummary: Equatable, Sendable {
    package let count: Int
    package let p50: Double
    package let p90: Double
    package let p99: Double
    package let most: Double
    package let bars: [Bar]

    /// How many there were from `start` until `end`.
    package struct Bar: Equatable, Sendable {
        package let start: Double
        package let end: Double
        package let count: Int
    }

    /// Eight bars for each doubling are as fine as a plot can show.
    private static let barsPerDoubling = 4.0

    package init(_ histogram: Histogram<UInt64>) {
        count = Int(histogram.totalCount)
        p50 = Double(histogram.valueAtPercentile(50)) / 1e6
        p90 = Double(histogram.valueAtPercentile(90)) / 1e6
        p99 = Double(histogram.valueAtPercentile(99)) / 1e6
        most = Double(histogram.max) / 1e6
        bars = LatencySummary.bars(histogram)
    }

    private static func bars(_ histogram: Histogram<UInt64>) -> [Bar] {
        var counts: [Int: Int] = [:]
        for item in histogram.recordedValues() {
            counts[slot(item.value), default: 0] += Int(item.count)
        }
        return counts.sorted { $0.key < $1.key }.map { slot, count in
            Bar(start: edge(slot), end: edge(slot + 1), count: count)
        }
    }

    private static func slot(_ microseconds: UInt64) -> Int {
        Int((binaryLogarithm(Double(microseconds)) * barsPerDoubling).rounded(.down))
    }

    private static func edge(_ slot: Int) -> Double {
        powerOfTwo(Double(slot) / barsPerDoubling) / 1e6
    }
}
