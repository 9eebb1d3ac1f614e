// Execs: run to completion as one JSON document, live as one JSON object a line, or over the
// client's own connection, which the shim gets.
//
// An exec is an operation, so a retry with its id finds it. Its output goes to the request that
// began it, and only the last output of a kept exec is kept, for the next client.

import Bytes
import Documents
import Engine
import HTTP
import Host
import JSON
import Model
import Synchronization

let execRoutes: [Route] = [
    Route("GET", "/v1/pods/{pod}/tasks/{task}/exec", listExecs),
    Route(
        "POST", "/v1/pods/{pod}/tasks/{task}/exec", query: ["uid"],
        produces: ["application/json", "application/x-ndjson"], postExec),
    Route("GET", "/v1/pods/{pod}/tasks/{task}/exec/{id}", query: ["wait"], getExec),
    Route("DELETE", "/v1/pods/{pod}/tasks/{task}/exec/{id}", deleteExec),
    Route("GET", "/v1/pods/{pod}/tasks/{task}/exec/{id}/attach", produces: [], attachExec),
]

/// Seconds. An exec has no limit but its own.
private let patience = 31_536_000.0

@Sendable private func postExec(_ call: Call) throws(Problem) -> HTTPReply {
    let body = try call.requiredJSON()
    let upgrade = try StreamUpgrade(call)
    let isAsync = Waiting.isAsync(call.request.headers)
    let output = ExecOutput()
    let isLive = call.mediaType == "application/x-ndjson"
    var connecting: ExecCall?
    let accepted = try call.accept { () throws(Problem) in
        let isStreamed = upgrade != nil || isAsync
        let spec = try call.decode { () throws(DocumentFaults) in
            try ExecSpec.decode(body, isStreamed: isStreamed)
        }
        return (spec, try call.query.uid())
    } then: { read, context throws(Problem) in
        let task = try call.task()
        try call.check(read.1, against: task.uid)
        let pod = try call.podName()
        let exec: ExecCall
        if upgrade != nil {
            exec = ExecCall(connecting: read.0)
            connecting = exec
        } else if isAsync, read.0.onDisconnect == .keep {
            exec = ExecCall(detached: read.0, try call.detachedInput(read.0.input))
        } else {
            exec = output.begin(read.0, isLive: isLive)
        }
        return try call.ask { engine throws(Refusal) in
            try engine.exec(pod, task.spec.name, exec, context)
        }
    }
    guard let operation = accepted.execOperation else { return call.reply(accepted) }
    if let upgrade, let connecting { return upgraded(upgrade, operation, connecting, call) }
    if isAsync, !output.hasBegun { return call.reply(accepted) }
    return isLive ? live(operation, output, call) : completed(operation, output, call)
}

private func upgraded(
    _ upgrade: StreamUpgrade, _ operation: PodOperation, _ exec: ExecCall, _ call: Call
) -> HTTPReply {
    let engine = call.engine
    return upgrade.reply(
        operation: operation.href, input: exec.input,
        begin: { stream in
            _ = engine.whenEnded(operation.id) { stream.execEnded(engine.exec(operation.id)) }
            exec.connected(stream)
        }, failed: { exec.close() })
}

/// Makes the client's connection the next stream of a kept exec.
@Sendable private func attachExec(_ call: Call) throws(Problem) -> HTTPReply {
    let upgrade = try StreamUpgrade.required(call)
    let exec = try findExec(call)
    if exec.state.hasEnded {
        throw call.problem(.execEnded, "the exec has ended, and has no stream any more")
    }
    let engine = call.engine
    return upgrade.reply(
        operation: exec.href,
        begin: { stream in
            _ = engine.whenEnded(exec.id) { stream.execEnded(engine.exec(exec.id)) }
            engine.attach(stream, to: exec) { stream.refuse("\(exec.id)", $0) }
        }, failed: {})
}

/// Answers when the exec has ended and all its output was read.
private func completed(
    _ operation: PodOperation, _ output: ExecOutput, _ call: Call
) -> HTTPReply {
    let engine = call.engine
    return call.wait(
        seconds: patience,
        subscribe: { waiter in
            let token = engine.whenEnded(operation.id) { output.ended(waiter.resume) }
            waiter.onEnd {
                engine.cancel(token)
                output.close()
            }
        },
        finish: {
            guard case .found(let found) = engine.operation(operation.id), found.state.hasEnded
            else { return call.acceptance(operation) }
            guard let result = found.exec else { return call.outcome(found, .success) }
            return HTTPResponse(
                json: output.document(found, result),
                headers: [("Operation-Location", found.href)])
        })
}

private func live(_ operation: PodOperation, _ output: ExecOutput, _ call: Call) -> HTTPReply {
    let engine = call.engine
    let token = Mutex<EngineToken?>(nil)
    let stream = HTTPStream(
        contentType: "application/x-ndjson",
        headers: [("Cache-Control", "no-store"), ("Operation-Location", operation.href)],
        pull: { output.pull(operation.id, engine) },
        onClose: { _ in
            if let token = token.withLock({ $0.take() }) { engine.cancel(token) }
            output.close()
        })
    output.attach(stream)
    let ending = engine.whenEnded(operation.id) { output.ended {} }
    token.withLock { $0 = ending }
    return .stream(stream)
}

@Sendable private func listExecs(_ call: Call) throws(Problem) -> HTTPReply {
    let task = try call.task()
    let execs = call.engine.execs(of: task, in: try call.pod().uid)
    var list = ListWriter(limit: execs.count)
    for exec in execs { list.add(exec) }
    return .response(
        HTTPResponse(json: list.finish(next: nil, revision: call.engine.revision)))
}

@Sendable private func getExec(_ call: Call) throws(Problem) -> HTTPReply {
    try answer(try findExec(call).id, call)
}

@Sendable private func deleteExec(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate(wanting: .cancel) { () throws(Problem) in
    } then: { _, context throws(Problem) in
        let exec = try findExec(call)
        if exec.state.hasEnded { return .finished(exec) }
        return try call.ask { engine throws(Refusal) in try engine.cancel(exec.id, context) }
    }
}

extension Call {
    fileprivate func detachedInput(_ input: [UInt8]?) throws(Problem) -> DetachedInput {
        try ask { _ throws(Refusal) in
            do { return try DetachedInput(input) } catch {
                throw .fault(cause: "no descriptor is left: \(error)")
            }
        }
    }
}

extension Engine {
    fileprivate func exec(_ id: UID) -> PodOperation? {
        guard case .found(let operation) = operation(id) else { return nil }
        return operation
    }
}

/// An exec of the task, be it ended.
private func findExec(_ call: Call) throws(Problem) -> PodOperation {
    let task = try call.task()
    let unknown = call.problem(.operationUnknown, "the task has no exec with this id")
    guard let id = UID(call.segment(6)) else { throw unknown }
    let operation = try find(id, call)
    guard operation.kind == .taskExec, operation.target.uid == task.uid else { throw unknown }
    return operation
}

extension MutationResult {
    /// The exec of the request, or of the first one with its id.
    fileprivate var execOperation: PodOperation? {
        switch self {
        case .operation(let operation), .finished(let operation):
            operation.kind == .taskExec ? operation : nil
        case .pod, .task, .network, .nothing: nil
        }
    }
}
