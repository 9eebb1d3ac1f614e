// What the API gives to the engine, and what it gets back.

package import Model

/// The requester, and what tells a retry from a new request.
package struct RequestContext: Sendable {
    package let requester: Requester
    /// The `Operation-Id` that the client chose.
    package let operationID: UID?
    /// A hash of method, path, query and body.
    package let fingerprint: UInt64
    /// The `If-Match` header.
    package let ifMatch: String?
    /// The `If-None-Match` header.
    package let ifNoneMatch: String?
    /// Whether the id was looked up and is new. Only the server's one thread takes requests, so the
    /// id stays new until that thread has dealt with the request.
    private(set) var isNew = false

    package init(
        requester: Requester, operationID: UID?, fingerprint: UInt64, ifMatch: String?,
        ifNoneMatch: String? = nil
    ) {
        self.requester = requester
        self.operationID = operationID
        self.fingerprint = fingerprint
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
    }

    mutating func noteNew() { isNew = true }
}

/// The result of a mutation.
package enum MutationResult: Sendable {
    /// Recorded, and in progress: 202.
    case operation(PodOperation)
    /// Done before: 200 with the operation that did it.
    case finished(PodOperation)
    /// The pod is already as requested: 200.
    case pod(Pod)
    /// The task is already as requested: 200.
    case task(PodTask)
    /// The network is already as requested: 200.
    case network(Network)
    /// There is nothing to delete, and that was allowed: 204.
    case nothing
}

/// The result of a look-up by an operation's id.
package enum OperationLookup: Sendable {
    case found(PodOperation)
    /// Older than the kept records, or than this boot: 410 with the reason.
    case expired(String)
    case unknown
    /// The records cannot be read now, with the reason.
    case unreadable(String)
}

/// A part of the list of all operations.
package struct OperationSlice: Sendable {
    package var operations: [PodOperation] = []
    /// The creation number of the last operation looked at, listed or not; `nil` at the end of the
    /// list.
    package var end: UInt64?
    /// The number of operations looked at, and the bytes of their records.
    package var looked = 0
    package var bytes = 0
    package var revision: UInt64 = 0
}
