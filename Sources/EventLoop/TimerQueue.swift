// The timers, soonest first: a binary heap, so that each of many timers costs little.

struct TimerQueue {
    struct Timer: Sendable {
        let at: Int64
        /// Timers of the same time fire in the order in which they were set.
        fileprivate let number: UInt64
        let fire: @Sendable () -> Void

        fileprivate func isBefore(_ other: Timer) -> Bool {
            at == other.at ? number < other.number : at < other.at
        }
    }

    private var heap: [Timer] = []
    private var lastNumber: UInt64 = 0

    /// When the next timer is due; `nil` if there is none.
    var next: Int64? { heap.first?.at }

    mutating func add(at: Int64, _ fire: @escaping @Sendable () -> Void) {
        lastNumber += 1
        heap.append(Timer(at: at, number: lastNumber, fire: fire))
        rise(from: heap.count - 1)
    }

    /// Takes the next timer out if it is due at `now`.
    mutating func take(dueAt now: Int64) -> Timer? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first
    }

    mutating func takeAll() -> [Timer] {
        defer { heap = [] }
        return heap
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0, heap[index].isBefore(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
