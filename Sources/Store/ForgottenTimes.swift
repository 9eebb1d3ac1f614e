// Which ids may have been forgotten, by the times in the ids, so that nothing else of them has to
// be kept.
//
// A late retry must never count as a new request, and the wall clock may jump. So this set never
// uses the current time: it contains the times of dropped ids, and never loses one. A single
// watermark would not work: after one id from a clock that was ahead, every new id would be
// refused. The set keeps the widest gaps between the times.

package struct ForgottenTimes: Equatable, Sendable {
    /// Milliseconds since 1970, ascending; no two are adjacent.
    package private(set) var spans: [ClosedRange<Int64>] = []
    /// `false` if ids with unknown times may have been lost: then the set contains every time.
    package var isWhole = true

    /// If there are more spans, the two closest become one. The record must fit on a page of an
    /// index.
    package static let most = 32

    package init() {}

    package init(until time: Int64) { spans = [0...max(0, time)] }

    package func contains(_ time: Int64) -> Bool {
        !isWhole || spans.contains { $0.contains(time) }
    }

    package mutating func formUnion(_ times: some Sequence<Int64>) {
        add(times.map { max(0, $0)...max(0, $0) })
    }

    package mutating func formUnion(_ other: ForgottenTimes) {
        isWhole = isWhole && other.isWhole
        add(other.spans)
    }

    private mutating func add(_ more: [ClosedRange<Int64>]) {
        var joined: [ClosedRange<Int64>] = []
        for span in (spans + more).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, span.lowerBound - last.upperBound <= 1 {
                joined[joined.count - 1] =
                    last.lowerBound...max(last.upperBound, span.upperBound)
            } else {
                joined.append(span)
            }
        }
        spans = ForgottenTimes.closed(joined)
    }

    /// Closes all gaps in `spans` except the widest.
    private static func closed(_ spans: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
        guard spans.count > most else { return spans }
        func gap(before index: Int) -> Int64 {
            spans[index].lowerBound - spans[index - 1].upperBound
        }
        let widest = Set(
            (1..<spans.count).sorted { gap(before: $0) > gap(before: $1) }
                .prefix(most - 1))
        var closed = [spans[0]]
        for index in 1..<spans.count {
            if widest.contains(index) {
                closed.append(spans[index])
            } else {
                closed[closed.count - 1] =
                    closed[closed.count - 1].lowerBound...spans[index].upperBound
            }
        }
        return closed
    }
}

// MARK: - The record

extension ForgottenTimes {
    /// One byte for `isWhole`, then each span's ends.
    var bytes: [UInt8] {
        [isWhole ? 1 : 0]
            + spans.flatMap {
                ForgottenTimes.bytes($0.lowerBound) + ForgottenTimes.bytes($0.upperBound)
            }
    }

    /// `nil` for anything that `bytes` does not produce.
    init?(bytes: [UInt8]) {
        guard let first = bytes.first, first <= 1, bytes.count % 16 == 1,
            bytes.count / 16 <= ForgottenTimes.most
        else { return nil }
        isWhole = first == 1
        for start in stride(from: 1, to: bytes.count, by: 16) {
            let lower = ForgottenTimes.number(bytes[start..<start + 8])
            let upper = ForgottenTimes.number(bytes[start + 8..<start + 16])
            guard lower >= 0, lower <= upper, spans.last.map({ $0.upperBound < lower }) ?? true
            else { return nil }
            spans.append(lower...upper)
        }
    }

    private static func bytes(_ number: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
        bytes.reduce(0) { $0 << 8 | Int64($1) }
    }
}

extension RecordID {
    /// The time in a version 7 UUID, in milliseconds since 1970.
    package var time: Int64? { high >> 12 & 0xf == 7 ? Int64(high >> 16) : nil }
}
