// The duration of each phase, as HdrHistograms of microseconds.

package import Histogram

/// The timed phases of a pod.
package enum Phase: String, CaseIterable, Sendable {
    /// From the first request until the pod runs, including waits for a dead daemon.
    case create
    /// From the first request until the pod is gone.
    case delete
    /// Create and delete together, without the time that the pod was held.
    case pod
    /// From the create request until its answer.
    case createAnswer
    /// From the delete request until its answer.
    case deleteAnswer
    /// A GET of the pod.
    case read
    /// From the request of an exec until its answer, including waits for a dead daemon.
    case exec
    /// From the start of a log's follower until its first line.
    case line
    /// From the exit of a restarted task until its next exit.
    case attempt

    package var title: String {
        switch self {
        case .create: "create"
        case .delete: "delete"
        case .pod: "pod, create to gone"
        case .createAnswer: "answer to a create"
        case .deleteAnswer: "answer to a DELETE"
        case .read: "answer to a read"
        case .exec: "exec, to its answer"
        case .line: "follow, to its first line"
        case .attempt: "restart, exit to exit"
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

/// All times are in seconds.
package struct LatencySummary: Equatable, Sendable {
    package let count: Int
    package let p50: Double
    package let p90: Double
    package let p95: Double
    package let p99: Double
    package let most: Double
    package let bars: [Bar]

    /// The number of values from `start` until `end`.
    package struct Bar: Equatable, Sendable {
        package let start: Double
        package let end: Double
        package let count: Int
    }

    /// A plot cannot show more than eight bars for each doubling.
    private static let barsPerDoubling = 4.0

    package init(_ histogram: Histogram<UInt64>) {
        count = Int(histogram.totalCount)
        p50 = Double(histogram.valueAtPercentile(50)) / 1e6
        p90 = Double(histogram.valueAtPercentile(90)) / 1e6
        p95 = Double(histogram.valueAtPercentile(95)) / 1e6
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
