// Work that may wait for a disk: at most one run at a time, and callers wait for its end only for a
// bounded time.

@Loop final class SingleFlight {
    private var isRunning = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// Milliseconds that a caller waits. A run that takes longer goes on.
    private static let patience: Int64 = 1000

    nonisolated init() {}

    /// Begins `work` unless a run is under way.
    func begin(_ work: @escaping @Sendable @Loop () async -> Void) {
        guard !isRunning else { return }
        isRunning = true
        onLoop {
            await work()
            self.isRunning = false
            self.wake()
        }
    }

    /// Begins `work` unless a run is under way, and returns at the end of the run or when it takes
    /// too long.
    func run(_ work: @escaping @Sendable @Loop () async -> Void) async {
        begin(work)
        Loop.shared.reactor.after(milliseconds: SingleFlight.patience) { onLoop { self.wake() } }
        await withCheckedContinuation { waiters.append($0) }
    }

    private func wake() {
        let all = waiters
        waiters = []
        for waiter in all { waiter.resume() }
    }
}
