// The engine's one thread: an epoll loop that is also the executor of everything in the engine.
//
// No call that can block is made on it. All of the engine's own state is isolated to it (`@Loop`),
// so a pod's steps are written in the order in which they happen, and need no lock.

import Glibc
package import Kernel
package import Linux
package import Model
package import Synchronization

/// Isolates the state of the engine's thread.
@globalActor
package actor Loop {
    package static let shared = Loop()
    package nonisolated let reactor = Reactor()

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // SAFETY: `shared` is never freed, and neither is its reactor.
        unsafe reactor.asUnownedSerialExecutor()
    }
}

/// Runs `body` on the engine's thread, and whatever `body` starts as well.
@discardableResult
package func onLoop(_ body: @escaping @Sendable @Loop () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: Loop.shared.reactor) { await body() }
}

package final class Reactor: SerialExecutor, TaskExecutor, Sendable {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var isAwake: Bool
    }

    private let queue: Mutex<Queue>
    private let wakeup: Wakeup
    private let epoll: Epoll
    private let state = Mutex(Watches())

    /// The watched descriptors and the timers. Only the loop's thread uses them, but other threads
    /// may add timers, so a lock guards them.
    private struct Watches {
        var handlers: [UInt64: @Sendable (Epoll.Interest) -> Void] = [:]
        var nextTag: UInt64 = 1
        var timers = TimerQueue()
    }

    /// Whether a test controls time and turns. Set it before anything uses the loop.
    package static let isSimulated = Atomic(false)
    private let isSimulated = Reactor.isSimulated.load(ordering: .acquiring)
    /// The time of a simulation: nanoseconds since boot, and the milliseconds that the wall clock
    /// adds to it.
    private let simulatedTime = Atomic<Int64>(1_000_000_000)
    private let simulatedWall = Atomic<Int64>(1_767_225_600_000)
    private let simulatedRandom = Atomic<UInt64>(0)

    init() {
        do throws(SystemCallFailure) {
            wakeup = try Wakeup()
            epoll = try Epoll()
            try epoll.add(wakeup.descriptor.number, .readable, tag: 0)
        } catch { fatalError("no event loop can be made: \(error)") }
        // In a simulation the test runs the jobs, so no thread has to be woken.
        queue = Mutex(Queue(isAwake: isSimulated))
        if !isSimulated { Thread.start("loop") { self.run() } }
    }

    /// Nanoseconds since boot, suspended time included. For durations.
    package var sinceBoot: Int64 {
        isSimulated ? simulatedTime.load(ordering: .relaxed) : SystemClock.sinceBoot
    }

    /// Random bits for new uids.
    package var randomBits: UInt64 {
        guard isSimulated else { return .random(in: 0...(.max)) }
        return simulatedRandom.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
    }

    /// Milliseconds since 1970. For display.
    package var wall: Int64 {
        guard isSimulated else { return SystemClock.wall }
        return simulatedWall.load(ordering: .relaxed) + sinceBoot / 1_000_000
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let wasAwake = queue.withLock { queue in
            queue.jobs.append(job)
            defer { queue.isAwake = true }
            return queue.isAwake
        }
        if !wasAwake { wakeup.signal() }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        // SAFETY: the reactor lasts as long as the process.
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    private func run() -> Never {
        while true {
            runJobs()
            for event in epoll.wait(milliseconds: pause()) {
                if event.tag == 0 {
                    wakeup.clear()
                } else if let handler = state.withLock({ $0.handlers[event.tag] }) {
                    handler(event.interest)
                }
            }
            fireTimers()
        }
    }

    private func runJobs() {
        while true {
            let jobs = queue.withLock { queue in
                let jobs = queue.jobs
                queue.jobs = []
                queue.isAwake = !jobs.isEmpty || isSimulated
                return jobs
            }
            if jobs.isEmpty { return }
            for job in jobs {
                // SAFETY: each job was enqueued once, and is run once, here.
                unsafe job.runSynchronously(
                    isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
        }
    }

    private func pause() -> CInt {
        guard let next = state.withLock({ $0.timers.next }) else { return -1 }
        let nanoseconds = max(0, next - sinceBoot)
        return CInt(min((nanoseconds + 999_999) / 1_000_000, 60_000))
    }

    private func fireTimers() {
        let now = sinceBoot
        while let timer = state.withLock({ $0.timers.take(dueAt: now) }) { timer.fire() }
    }
}

extension Reactor {
    /// Calls `handler` on the loop's thread whenever `number` is ready, until `unwatch`. The
    /// handler reaches isolated state through `onLoop`.
    package func watch(
        _ number: CInt, _ interest: Epoll.Interest,
        _ handler: @escaping @Sendable (Epoll.Interest) -> Void
    ) throws(SystemCallFailure) -> UInt64 {
        let tag = state.withLock { state in
            let tag = state.nextTag
            state.nextTag += 1
            state.handlers[tag] = handler
            return tag
        }
        do { try epoll.add(number, interest, tag: tag) } catch {
            state.withLock { _ = $0.handlers.removeValue(forKey: tag) }
            throw error
        }
        return tag
    }

    /// Call it before `number` is closed.
    package func unwatch(_ number: CInt, _ tag: UInt64) {
        epoll.remove(number)
        state.withLock { _ = $0.handlers.removeValue(forKey: tag) }
    }

    /// Returns once `number` is readable.
    package func readable(_ number: CInt) async throws(SystemCallFailure) {
        let watch = Mutex<UInt64?>(nil)
        var failure: SystemCallFailure?
        await withCheckedContinuation { continuation in
            do throws(SystemCallFailure) {
                let tag = try self.watch(number, .readable) { _ in
                    guard let tag = watch.withLock({ $0.take() }) else { return }
                    self.unwatch(number, tag)
                    continuation.resume()
                }
                watch.withLock { $0 = tag }
            } catch {
                failure = error
                continuation.resume()
            }
        }
        if let failure { throw failure }
    }

    /// Returns after `milliseconds`. It only paces a loop: the caller checks its condition again
    /// afterwards.
    package func pause(milliseconds: Int64) async {
        await withCheckedContinuation { continuation in
            after(milliseconds: milliseconds) { continuation.resume() }
        }
    }

    /// Calls `fire` on the loop's thread after `milliseconds`.
    package func after(milliseconds: Int64, _ fire: @escaping @Sendable () -> Void) {
        let at = sinceBoot + milliseconds * 1_000_000
        state.withLock { $0.timers.add(at: at, fire) }
        if !isSimulated { wakeup.signal() }
    }
}

// MARK: - Simulation

extension Reactor {
    /// Runs everything that can run now.
    package func runSimulated() { runJobs() }

    /// When the next timer is due; `nil` if there is none.
    package var nextSimulatedTimer: Int64? { state.withLock { $0.timers.next } }

    package var simulatedNow: Int64 { sinceBoot }

    /// Advances the time to `time`, and fires the timers that are due by then.
    package func advanceSimulated(to time: Int64) {
        if time > sinceBoot { simulatedTime.store(time, ordering: .relaxed) }
        fireTimers()
        runJobs()
    }

    /// Resets the clocks and the random numbers for the beginning of a history.
    package func resetSimulation(seed: UInt64) {
        simulatedTime.store(1_000_000_000, ordering: .relaxed)
        simulatedWall.store(1_767_225_600_000, ordering: .relaxed)
        simulatedRandom.store(seed, ordering: .relaxed)
    }

    /// Lets the wall clock jump by `milliseconds`, as `date -s` does.
    package func jumpSimulatedWall(_ milliseconds: Int64) {
        simulatedWall.wrappingAdd(milliseconds, ordering: .relaxed)
    }

    /// Simulates a daemon's death: no waiting timer is ever called. The caller has to keep the
    /// result, because the tasks behind the timers must not be unwound either.
    package func dropSimulated() -> [@Sendable () -> Void] {
        runJobs()
        return state.withLock { $0.timers.takeAll().map(\.fire) }
    }
}

/// The engine's clocks.
package enum EngineClock {
    /// Nanoseconds since boot, suspended time included. For durations.
    package static var sinceBoot: Int64 { Loop.shared.reactor.sinceBoot }
    /// Milliseconds since boot. For stored times.
    package static var uptime: Int64 { sinceBoot / 1_000_000 }
    /// Milliseconds since 1970. For display.
    package static var wall: Int64 { Loop.shared.reactor.wall }
    package static var now: Timestamp { Timestamp(milliseconds: wall) }
}
