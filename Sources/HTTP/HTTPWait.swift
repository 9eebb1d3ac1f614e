//  A request that is answered later: when an event occurs, or when its time is up.

import Synchronization

/// A deferred reply. The wait ends when the waiter is resumed, when `seconds` have passed, when the
/// client has gone, or when the server stops. `finish` then makes the response, unless the client
/// has gone. If the limit of waits is reached, the wait ends at once, because a request that was
/// accepted is never refused.
package struct HTTPWait: Sendable {
    let seconds: Double
    let subscribe: @Sendable (HTTPWaiter) -> Void
    let finish: @Sendable () -> HTTPOutcome

    /// - Parameters:
    ///   - seconds: the longest wait; if zero or less, there is no wait and no subscription.
    ///   - subscribe: called once, on the server's thread, after the connection was suspended. It
    ///     must check whether the awaited event has already occurred, and resume if so.
    ///   - finish: called at most once, on the server's thread.
    package init(
        seconds: Double, subscribe: @escaping @Sendable (HTTPWaiter) -> Void,
        finish: @escaping @Sendable () -> HTTPResponse
    ) {
        self.init(seconds: seconds, subscribe: subscribe, outcome: { .response(finish()) })
    }

    /// The same for an answer that may give the connection away.
    package init(
        seconds: Double, subscribe: @escaping @Sendable (HTTPWaiter) -> Void,
        outcome: @escaping @Sendable () -> HTTPOutcome
    ) {
        self.seconds = seconds
        self.subscribe = subscribe
        finish = outcome
    }
}

/// The end of a wait.
package enum HTTPOutcome: Sendable {
    case response(HTTPResponse)
    case upgrade(HTTPUpgrade)
}

/// One waiting request, held by the code that resumes it. May outlive the wait and the server.
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

    /// Ends the wait. May be called from any thread, any number of times; only the first call
    /// counts.
    package func resume() { suspended.unpark(parking, .resumed) }

    /// Calls `body` once when the wait has ended, for any reason; `body` drops the subscription. It
    /// runs on the server's thread, never inside `resume`. If the wait has already ended, it runs
    /// here at once.
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
