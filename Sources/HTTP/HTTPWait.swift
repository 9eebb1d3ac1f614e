//  A request that is answered later: when something happens, or its time is up.

import Synchronization

/// A reply that is put off. The wait ends when the waiter is resumed, when `seconds` have passed,
/// when the client has gone, or when the server stops; then `finish` makes the response, unless
/// the client has gone. If as many requests wait as may, it ends at once: a request that was
/// accepted is never refused because nobody can wait for it.
package struct HTTPWait: Sendable {
    let seconds: Double
    let subscribe: @Sendable (HTTPWaiter) -> Void
    let finish: @Sendable () -> HTTPResponse

    /// - Parameters:
    ///   - seconds: at most this long; zero or less: not at all, and nobody is subscribed.
    ///   - subscribe: called once, on the server's thread, after the connection was put aside.
    ///     Check there whether what is waited for has happened meanwhile, and resume if so.
    ///   - finish: called at most once, on the server's thread.
    package init(
        seconds: Double, subscribe: @escaping @Sendable (HTTPWaiter) -> Void,
        finish: @escaping @Sendable () -> HTTPResponse
    ) {
        self.seconds = seconds
        self.subscribe = subscribe
        self.finish = finish
    }
}

/// One waiting request, in the hands of what it waits for. May outlive the wait and the server.
package final class HTTPWaiter: Sendable {
    private struct State {
        var isEnded = false
        var whenEnded: [@Sendable () -> Void] = []
    }

    private let suspended: SuspendedConnections
    private let parking: Parking
    private let state = Mutex(State())

    init(suspended: SuspendedConnections, parking: Parking) {
        self.suspended = suspended
        self.parking = parking
    }

    /// Ends the wait. From any thread, any number of times; only the first one counts.
    package func resume() { suspended.unpark(parking, .resumed) }

    /// Has `body` called once, when the wait has ended for whatever reason: the place to drop the
    /// subscription. It runs on the server's thread, never inside `resume`; or here and now where
    /// the wait has already ended.
    package func onEnd(_ body: @escaping @Sendable () -> Void) {
        let isEnded = state.withLock { state in
            if !state.isEnded { state.whenEnded.append(body) }
            return state.isEnded
        }
        if isEnded { body() }
    }

    func ended() {
        let bodies = state.withLock { state in
            state.isEnded = true
            defer { state.whenEnded = [] }
            return state.whenEnded
        }
        for body in bodies { body() }
    }
}
