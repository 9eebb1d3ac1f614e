//  The interface between the server and the code that answers requests.

/// The handler's decision about a request.
package enum HTTPReply: Sendable {
    case response(HTTPResponse)
    /// Answer later; the connection is suspended and occupies no thread.
    case wait(HTTPWait)
    /// Answer with a body whose end is not known yet.
    case stream(HTTPStream)
    /// Answer with the status 101, and give the connection away.
    case upgrade(HTTPUpgrade)
}

/// The reasons for which the server itself refuses a request.
package enum HTTPRefusal: Equatable, Sendable {
    /// The body is longer than `limit` bytes. The connection ends after the answer.
    case bodyTooLarge(limit: Int)
    /// Two readers may see different requests in it. The connection ends after the answer.
    case malformedHead(String)
    /// The transfer coding is not chunked, so the end of the body cannot be found. The connection
    /// ends after the answer.
    case unknownTransferCoding
    /// The path cannot be decoded.
    case malformedPath
    /// The query cannot be decoded.
    case malformedQuery
    /// The limit of open streams is reached.
    case tooManyStreams(limit: Int)

    /// The HTTP status of the refusal.
    package var status: Int {
        switch self {
        case .bodyTooLarge: 413
        case .malformedHead, .malformedPath, .malformedQuery: 400
        case .unknownTransferCoding: 501
        case .tooManyStreams: 503
        }
    }
}

/// Answers requests. The server calls all functions on its one thread, one request at a time. They
/// must not block, because the server answers no other request meanwhile.
package protocol HTTPHandler: Sendable {
    func handle(_ request: HTTPRequest) -> HTTPReply

    /// Makes the document for a request that the server itself refuses. `request` has no body.
    func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse

    /// Called when a connection was closed to make room for another.
    func noteEviction()
}

extension HTTPHandler {
    package func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(status: refusal.status, text: "\(refusal)\n")
    }

    package func noteEviction() {}
}
