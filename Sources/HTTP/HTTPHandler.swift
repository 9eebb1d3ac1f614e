//  What the server asks of the code behind it.

/// What a handler decides to do with a request.
package enum HTTPReply: Sendable {
    case response(HTTPResponse)
    /// Answer later; the connection is put aside and costs no thread.
    case wait(HTTPWait)
    /// Answer with a body that has no end yet.
    case stream(HTTPStream)
}

/// What the server refuses before, or instead of, asking the handler to serve it.
package enum HTTPRefusal: Equatable, Sendable {
    /// The body is longer than `limit` bytes. The connection ends after the answer.
    case bodyTooLarge(limit: Int)
    /// Of two readers, each may see another request in it. The connection ends after the answer.
    case malformedHead(String)
    /// The body comes in another transfer coding than chunked, so its end cannot be found. The
    /// connection ends after the answer.
    case unknownTransferCoding
    /// The path cannot be decoded.
    case malformedPath
    /// The query cannot be decoded.
    case malformedQuery
    /// As many streams are open as may be.
    case tooManyStreams(limit: Int)

    /// The status that fits.
    package var status: Int {
        switch self {
        case .bodyTooLarge: 413
        case .malformedHead, .malformedPath, .malformedQuery: 400
        case .unknownTransferCoding: 501
        case .tooManyStreams: 503
        }
    }
}

/// Answers requests. All functions are called on the server's one thread, for one request at a
/// time, and must not block: while they run nobody else is answered.
package protocol HTTPHandler: Sendable {
    func handle(_ request: HTTPRequest) -> HTTPReply

    /// Makes the document for what the server itself refuses. `request` has no body.
    func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse

    /// A connection was closed so that another could come.
    func noteEviction()
}

extension HTTPHandler {
    package func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(status: refusal.status, text: "\(refusal)\n")
    }

    package func noteEviction() {}
}
