// The handlers of the two listeners.

package import Engine
package import HTTP
package import Kernel
import Linux
import Metrics

/// All routes, for the unix socket.
package final class StaunchAPI: HTTPHandler {
    private let router: Router

    package init(_ engine: Engine) throws(SystemCallFailure) {
        router = try Router(engine, routes)
        ProcessMetrics.describe(engine.metrics)
        engine.metrics.httpDuration.expect(routes.map { [$0.pattern] })
        engine.metrics.httpRequests.expect(
            routes.flatMap { route in
                ["200", "500"].map { [route.method, route.pattern, $0] }
            })
    }

    package func handle(_ request: HTTPRequest) -> HTTPReply { router.handle(request) }

    package func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        router.refuse(refusal, of: request)
    }

    package func noteEviction() { router.noteEviction() }
}

/// Only `/metrics`, `/healthz` and `/readyz`, for TCP, and `/metrics/pods` if the settings have it;
/// read-only.
package final class ObservabilityAPI: HTTPHandler {
    private let router: Router

    /// - Parameter tellsPods: whether every user of the host may read what pods there are.
    package init(_ engine: Engine, tellsPods: Bool) throws(SystemCallFailure) {
        router = try Router(engine, healthRoutes + (tellsPods ? podMetricsRoutes : []))
    }

    package func handle(_ request: HTTPRequest) -> HTTPReply {
        guard request.method == "GET" || request.method == "HEAD" else {
            return .response(router.notFound(request))
        }
        return router.handle(request)
    }

    package func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        router.refuse(refusal, of: request)
    }

    package func noteEviction() { router.noteEviction() }
}
