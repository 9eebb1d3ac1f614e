// The timers, soonest first.

import HeapModule

struct TimerQueue {
    struct Timer: Comparable, Sendable {
        let at: Int64
        /// Timers of the same time fire in the order in which they were set.
        fileprivate let number: UInt64
        let fire: @Sendable () -> Void

        static func < (left: Timer, right: Timer) -> Bool {
            (left.at, left.number) < (right.at, right.number)
        }

        static func == (left: Timer, right: Timer) -> Bool { left.number == right.number }
    }

    private var heap = Heap<Timer>()
    private var lastNumber: UInt64 = 0

    /// When the next timer is due; `nil` if there is none.
    var next: Int64? { heap.min?.at }

    mutating func add(at: Int64, _ fire: @escaping @Sendable () -> Void) {
        lastNumber += 1
        heap.insert(Timer(at: at, number: lastNumber, fire: fire))
    }

    /// Takes the next timer out if it is due at `now`.
    mutating func take(dueAt now: Int64) -> Timer? {
        guard let first = heap.min, first.at <= now else { return nil }
        return heap.popMin()
    }

    mutating func takeAll() -> [Timer] {
        defer { heap = Heap() }
        return heap.unordered
    }
}
