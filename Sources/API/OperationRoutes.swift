// Operations: clients poll them or wait for them.

import Documents
import Engine
import HTTP
import Model

let operationRoutes: [Route] = [
    Route("GET", "/v1/operations", query: ["limit", "page", "state"], listOperations),
    Route("GET", "/v1/operations/{operation}", query: ["wait"], getOperation),
    Route("POST", "/v1/operations/{operation}/cancel", cancelOperation),
    Route("POST", "/v1/operations/{operation}/steps/{step}/abandon", abandonStep),
]

@Sendable private func listOperations(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let state = try call.query.state(OperationState.self)
    guard let start = paging.after.map(PageToken.creation) ?? 0 else {
        throw call.problem(
            .malformedRequest, "the query parameter 'page' is not of a list of operations")
    }
    var list = ListWriter(limit: paging.limit)
    var (after, looked, bytes) = (start, 0, 0)
    // The revision of the first slice: a client that follows the events after it misses no event.
    var revision: UInt64?
    // If few operations have the state, the page may have fewer items than its limit, because no
    // request may read all operations.
    while looked < 1000, bytes < DocumentLimits.pageBytes {
        let slice = try call.ask { engine throws(Refusal) in
            try engine.operations(after: after, limit: paging.limit, in: state)
        }
        revision = revision ?? slice.revision
        for operation in slice.operations {
            if list.isFull { return end(list, next: PageToken.text(after), revision) }
            list.add(operation)
            after = operation.order
        }
        guard let last = slice.end else { return end(list, next: nil, revision) }
        after = last
        looked += slice.looked
        bytes += slice.bytes
    }
    return end(list, next: PageToken.text(after), revision)
}

private func end(
    _ list: consuming ListWriter, next: String?, _ revision: UInt64?
) -> HTTPReply {
    .response(HTTPResponse(json: list.finish(next: next, revision: revision ?? 0)))
}

/// The status is chosen after the wait.
@Sendable private func getOperation(_ call: Call) throws(Problem) -> HTTPReply {
    try answer(try call.operationID(), call)
}

func answer(_ id: UID, _ call: Call) throws(Problem) -> HTTPReply {
    let asked = try call.query.wait() ?? Waiting.preference(call.request.headers) ?? 0
    let operation = try find(id, call)
    guard asked > 0, !operation.state.hasEnded else { return .response(call.response(operation)) }
    return call.untilEnded(operation.id, seconds: asked) {
        do throws(Problem) { return call.response(try find(id, call)) } catch {
            return call.response(error)
        }
    }
}

@Sendable private func cancelOperation(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate(wanting: .cancel) { () throws(Problem) in
        let id = try call.operationID()
        let body = try call.json()
        try call.decode { () throws(DocumentFaults) in try EmptyBody.decode(body) }
        return id
    } then: { id, context throws(Problem) in
        try call.ask { engine throws(Refusal) in try engine.cancel(id, context) }
    }
}

@Sendable private func abandonStep(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let id = try call.operationID()
        guard let step = RemovalStep(rawValue: call.segment(4)) else {
            throw call.problem(.notFound, "no step that removes something has this name")
        }
        let json = try call.requiredJSON()
        let body = try call.decode { () throws(DocumentFaults) in try AbandonBody.decode(json) }
        return (id: id, step: step, reason: body.reason)
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in
            try engine.abandon(read.id, read.step, reason: read.reason, context)
        }
    }
}

func find(_ id: UID, _ call: Call) throws(Problem) -> PodOperation {
    switch call.engine.operation(id) {
    case .found(let operation): return operation
    case .expired(let reason): throw call.problem(.operationExpired, reason)
    case .unknown: throw call.problem(.operationUnknown, "there is no operation \(id)")
    case .unreadable(let why): throw call.engine.log.fault(why, instance: call.instance)
    }
}
