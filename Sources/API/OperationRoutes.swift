// Operations: what clients poll, or wait for.

import Documents
import Engine
import HTTP
import Model

let operationRoutes: [Route] = [
    Route("GET", "/v1/operations", query: ["limit", "page", "state"], listOperations),
    Route("GET", "/v1/operations/{operation}", query: ["wait"], getOperation),
    Route("POST", "/v1/operations/{operation}/cancel", cancelOperation),
]

@Sendable private func listOperations(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let state = try call.query.state(OperationState.self)
    let (items, next, revision) = collect(paging, state, call.engine)
    var list = ListWriter(limit: paging.limit)
    for (index, item) in items.enumerated() {
        if list.isFull {
            let last = PageToken.text(items[index - 1].id)
            return .response(HTTPResponse(json: list.finish(next: last, revision: revision)))
        }
        list.add(item)
    }
    return .response(HTTPResponse(json: list.finish(next: next, revision: revision)))
}

/// Asks for one more than the page has, to know whether there is another. Where few are in the
/// state, the page may come out short of its limit, so that no request looks at all there are.
private func collect(
    _ paging: Paging, _ state: OperationState?, _ engine: Engine
) -> (items: [PodOperation], next: String?, revision: UInt64) {
    guard let state else {
        let (found, revision) = engine.operations(limit: paging.limit + 1, after: paging.after)
        let items = Array(found.prefix(paging.limit))
        let isLast = found.count <= paging.limit
        return (items, isLast ? nil : items.last.map { PageToken.text($0.id) }, revision)
    }
    let chunk = 1000
    var items: [PodOperation] = []
    var after = paging.after
    var revision: UInt64 = 0
    for _ in 0..<10 {
        let (found, now) = engine.operations(limit: chunk, after: after)
        revision = now
        for operation in found where operation.state == state {
            if items.count == paging.limit {
                return (items, items.last.map { PageToken.text($0.id) }, revision)
            }
            items.append(operation)
        }
        guard found.count == chunk else { return (items, nil, revision) }
        after = found.last?.id
    }
    return (items, after.map { PageToken.text($0) }, revision)
}

/// The status is chosen after the wait.
@Sendable private func getOperation(_ call: Call) throws(Problem) -> HTTPReply {
    let id = try call.operationID()
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
        try call.engine.cancel(id, context)
    }
}

private func find(_ id: UID, _ call: Call) throws(Problem) -> PodOperation {
    switch call.engine.operation(id) {
    case .found(let operation): return operation
    case .expired(let reason): throw call.problem(.operationExpired, reason)
    case .unknown: throw call.problem(.operationUnknown, "there is no operation \(id)")
    case .unreadable(let why): throw call.engine.fault(why, instance: call.instance)
    }
}
