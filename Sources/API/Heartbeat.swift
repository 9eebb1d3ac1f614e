// Bookmarks for the event streams: a thread that exists while there are streams.

import Kernel
import Linux
import Synchronization

final class Heartbeat: Sendable {
    private struct State {
        var feeds: [EventFeed] = []
        /// Streams that have ended but are still subscribed.
        var ended: [EventFeed] = []
        var isRunning = false
    }

    /// Nanoseconds (API.md: every 15 s).
    private static let interval: Int64 = 15_000_000_000

    private let state = Mutex(State())
    private let epoll: Epoll
    private let wakeup: Wakeup

    init() throws(SystemCallFailure) {
        epoll = try Epoll()
        wakeup = try Wakeup()
        try epoll.add(wakeup.descriptor.number, .readable, tag: 0)
    }

    func add(_ feed: EventFeed) {
        let isRunning = state.withLock { state in
            state.feeds.append(feed)
            defer { state.isRunning = true }
            return state.isRunning
        }
        if !isRunning { Thread.start("heartbeat") { self.run() } }
    }

    /// Ends the feed's subscription soon, on the heartbeat's thread.
    func remove(_ feed: EventFeed) {
        let isKnown = state.withLock { state in
            guard let index = state.feeds.firstIndex(where: { $0 === feed }) else { return false }
            state.feeds.remove(at: index)
            state.ended.append(feed)
            return true
        }
        if isKnown { wakeup.signal() }
    }

    private func run() {
        var next = SystemClock.sinceBoot + Heartbeat.interval
        while let feeds = unsubscribeEnded() {
            let now = SystemClock.sinceBoot
            if now >= next {
                for feed in feeds { feed.beat() }
                next = now + Heartbeat.interval
            }
            // Rounded up, so that the thread does not wake early.
            let events = epoll.wait(milliseconds: CInt((next - now) / 1_000_000 + 1))
            if !events.isEmpty { wakeup.clear() }
        }
    }

    /// The feeds that continue; `nil` if there are none, and the thread ends.
    private func unsubscribeEnded() -> [EventFeed]? {
        let ended = state.withLock { state in
            defer { state.ended = [] }
            return state.ended
        }
        for feed in ended { feed.unsubscribe() }
        return state.withLock { state in
            if state.feeds.isEmpty && state.ended.isEmpty {
                state.isRunning = false
                return nil
            }
            return state.feeds
        }
    }
}
