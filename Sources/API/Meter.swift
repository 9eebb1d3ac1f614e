// Counts and times one request.

import HTTP
import Linux
import Metrics

struct Meter: Sendable {
    private let metrics: Metrics
    private let method: String
    private let route: String
    private let started: Int64

    /// A client's text never becomes a label.
    /// - Parameter route: the pattern; `nil` if there is none.
    init(_ metrics: Metrics, method: String, route: String?) {
        self.metrics = metrics
        self.method = Meter.methods.contains(method) ? method : "other"
        self.route = route ?? "unmatched"
        started = SystemClock.sinceBoot
    }

    /// Counts the request when its answer is ready.
    func count(_ status: Int) {
        let seconds = Double(SystemClock.sinceBoot - started) / 1e9
        metrics.httpRequests.add(1, method, route, String(status))
        metrics.httpDuration.observe(seconds: seconds, route)
    }

    /// Counts an immediate answer; a stream is counted when it begins.
    func count(_ reply: HTTPReply) {
        switch reply {
        case .response(let response): count(response.status)
        case .stream: count(200)
        case .upgrade: count(101)
        case .wait: break
        }
    }

    private static let methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]
}

extension Call {
    /// Answers later, and counts the request then.
    func wait(
        seconds: Double, subscribe: @escaping @Sendable (HTTPWaiter) -> Void,
        finish: @escaping @Sendable () -> HTTPResponse
    ) -> HTTPReply {
        let meter = meter
        return .wait(
            HTTPWait(seconds: seconds, subscribe: subscribe) {
                let response = finish()
                meter.count(response.status)
                return response
            })
    }
}
