// What a route is: a method, a pattern, and who answers.

import Documents
import HTTP
import Model

/// One way to ask. The table of all of them is `routes`.
package struct Route: Sendable {
    typealias Handler = @Sendable (Call) throws(Problem) -> HTTPReply

    package let method: String
    /// As in the OpenAPI document: `/v1/pods/{pod}`.
    package let pattern: String
    /// The query parameters that it knows.
    package let query: [String]
    /// What it can answer with; the first where the client has no wish.
    let produces: [String]
    /// Whether it answers with the first of `produces` if the client wants none of them.
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
