// A route: a method, a pattern, and a handler.

import Documents
import HTTP
import Model

/// One route. `routes` is the table of all routes.
package struct Route: Sendable {
    typealias Handler = @Sendable (Call) throws(Problem) -> HTTPReply

    package let method: String
    /// As in the OpenAPI document, for example `/v1/pods/{pod}`.
    package let pattern: String
    /// The query parameters that the route accepts.
    package let query: [String]
    /// The media types it can reply with; the first is the default. There are none if it only gives
    /// the connection away.
    let produces: [String]
    /// Whether it replies with the first of `produces` if the client accepts none of them.
    let ignoresAccept: Bool
    let handler: Handler

    init(
        _ method: String, _ pattern: String, query: [String] = [],
        produces: [String] = ["application/json"], ignoresAccept: Bool = false,
        _ handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        self.query = query
        self.produces = produces
        self.ignoresAccept = ignoresAccept
        self.handler = handler
    }
}
