// Work that may wait for a disk: at most one run at a time. A caller waits for a run that began
// after its call, and only for a bounded time.

@Loop package final class SingleFlight {
    package typealias Work = @Sendable @Loop () async -> Void

    private var isRunning = false
    /// The run that begins when the present run ends, if a caller asked meanwhile.
    private var next: (work: Work, waiters: [Waiter])?

    /// Milliseconds that a caller waits. A longer run continues without the caller.
    private static let patience: Int64 = 1000

    package nonisolated init() {}

    /// Begins `work` unless a run is in progress.
    package func begin(_ work: @escaping Work) {
        if !isRunning { start(work, []) }
    }

    /// Returns at the end of a run that began after the call, or when that takes too long. A run in
    /// progress does not count, because what it has seen may be older than the call.
    package func run(_ work: @escaping Work) async {
        let waiter = Waiter()
        if isRunning {
            next = (work, (next?.waiters ?? []) + [waiter])
        } else {
            start(work, [waiter])
        }
        Loop.shared.reactor.after(milliseconds: SingleFlight.patience) { onLoop { waiter.wake() } }
        await waiter.wait()
    }

    private func start(_ work: @escaping Work, _ waiters: [Waiter]) {
        isRunning = true
        onLoop {
            await work()
            for waiter in waiters { waiter.wake() }
            self.isRunning = false
            guard let next = self.next else { return }
            self.next = nil
            self.start(next.work, next.waiters)
        }
    }
}

/// A caller that waits. The run's end or its own timer wakes it, once.
@Loop private final class Waiter {
    private var isWoken = false
    private var continuation: CheckedContinuation<Void, Never>?

    func wait() async {
        if isWoken { return }
        await withCheckedContinuation { continuation = $0 }
    }

    func wake() {
        isWoken = true
        continuation?.resume()
        continuation = nil
    }
}
