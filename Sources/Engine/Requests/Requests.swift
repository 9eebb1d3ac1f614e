// What the API hands to the engine, and what it gets back.

package import Model

/// Who asks, and how a retry is told from something new.
package struct RequestContext: Sendable {
    package let requester: Requester
    /// The `Operation-Id` that the client chose.
    package let operationID: UID?
    /// A hash of method, path, query and body.
    package let fingerprint: UInt64
    /// The request's path, for problem documents.
    package let instance: String
    /// The `If-Match` header.
    package let ifMatch: String?
    /// The `If-None-Match` header.
    package let ifNoneMatch: String?
    /// Whether the id was looked up and is new. Only the server's one thread takes requests, so the
    /// id stays new until that thread has dealt with the request.
    private(set) var isNew = false

    package init(
        requester: Requester, operationID: UID?, fingerprint: UInt64, instance: String,
        ifMatch: String?, ifNoneMatch: String? = nil
    ) {
        self.requester = requester
        self.operationID = operationID
        self.fingerprint = fingerprint
        self.instance = instance
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
    }

    mutating func noteNew() { isNew = true }
}

/// How a mutation was taken.
package enum MutationResult: Sendable {
    /// Recorded, and under way: 202.
    case operation(PodOperation)
    /// Done before: 200 with the operation that did it.
    case finished(PodOperation)
    /// As asked for already: 200.
    case pod(Pod)
    /// As asked for already: 200.
    case task(PodTask)
    /// There is nothing, and that was allowed: 204.
    case nothing
}

/// What an operation's id leads to.
package enum OperationLookup: Sendable {
    case found(PodOperation)
    /// Older than what is kept, or than this boot: 410 with the reason.
    case expired(String)
    case unknown
    /// Nobody can tell now, and why.
    case unreadable(String)
}

/// A part of the list of all operations.
package struct OperationSlice: Sendable {
    package var operations: [PodOperation] = []
    /// The creation of the last that was looked at, listed or not; `nil` at the end of all.
    package var end: UInt64?
    /// How many were looked at, and how many bytes their records have.
    package var looked = 0
    package var bytes = 0
    package var revision: UInt64 = 0
}

/// What `GET /v1` tells beside constants.
package struct EngineInfo: Sendable {
    package var runtimePath: String
    /// `nil` until the runtime has answered.
    package var runtimeName: String?
    package var runtimeVersion: String?
    package var runtimeCommit: String?
    package var kernelRelease: String
    /// `v1`, `hybrid` or `v2`.
    package var cgroup: String
    package var hasCgroupKill: Bool
    package var bootID: String
    package var seccomp: SeccompChoice
    package var limits: EngineLimits
    /// Whether the kernel takes no CPU limit of a task above its pod's (cgroup v1).
    package var nestsCPULimits: Bool
    /// Whether the kernel can change the attributes of a whole tree of mounts.
    package var hasMountAttributes: Bool
    /// Whether a bind can be read-only with what is mounted below it.
    package var recursiveReadOnly = false
    /// Why creates are refused; `nil` if they are taken.
    package var refusal: String?
}

/// How much is kept, and how many there may be.
package struct EngineLimits: Sendable {
    package var operationsKept = 10_000
    package var operationsKeptSeconds: Int64 = 86_400
    package var tombstonesKept = 1_000_000
    package var tombstonesKeptSeconds: Int64 = 604_800
    package var eventsKept = 100_000
    package var pods = 10_000
    /// Of one pod, that have not ended.
    package var operationsPerPod = 64
    /// Between two prunings.
    package var commitsPerPruning = 512

    package init() {}
}
