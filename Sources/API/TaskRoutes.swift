// The tasks of a pod.

import Documents
import Engine
import HTTP
import Model

let taskRoutes: [Route] = [
    Route("GET", "/v1/pods/{pod}/tasks", query: ["limit", "page", "state"], listTasks),
    Route("GET", "/v1/pods/{pod}/tasks/{task}", getTask),
    Route("PUT", "/v1/pods/{pod}/tasks/{task}", putTask),
    Route("PATCH", "/v1/pods/{pod}/tasks/{task}", patchTask),
    Route(
        "DELETE", "/v1/pods/{pod}/tasks/{task}", query: ["uid", "grace", "allowMissing"],
        deleteTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/start", query: ["uid"], startTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/stop", query: ["uid"], stopTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/signal", query: ["uid"], signalTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/pause", query: ["uid"], pauseTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/resume", query: ["uid"], resumeTask),
    Route("POST", "/v1/pods/{pod}/tasks/{task}/logs/reopen", query: ["uid"], reopenLog),
    Route("GET", "/v1/pods/{pod}/tasks/{task}/attach", query: ["uid"], produces: [], attachTask),
]

/// The states by their names in documents; states carry values, so they are not `CaseIterable`.
private enum TaskStateName: String, CaseIterable {
    case creating, created, running, paused, exited, deleting
}

@Sendable private func listTasks(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let state = try call.query.state(TaskStateName.self)
    let pod = try call.pod()
    // The pod stores tasks by name; lists are in the order of creation, which the uids contain.
    let tasks = pod.tasks.sorted { $0.uid < $1.uid }
    let list = paging.list(tasks, \.uid, revision: call.engine.revision) { task in
        state == nil || task.state.name == state?.rawValue
    }
    return .response(HTTPResponse(json: list))
}

@Sendable private func getTask(_ call: Call) throws(Problem) -> HTTPReply {
    .response(call.response(try call.task()))
}

@Sendable private func putTask(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let pod = try call.podName()
        let name = try call.newName(at: 4)
        let body = try call.requiredJSON()
        return (
            pod,
            try call.decode { () throws(DocumentFaults) in
                try TaskSpec.decode(body, name: name)
            }
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in try engine.createTask(read.0, read.1, context) }
    }
}

@Sendable private func patchTask(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let (pod, name) = (try call.podName(), try call.taskName())
        let body = try call.requiredJSON(patchTypes)
        return (
            pod: pod, task: name,
            patch: try call.decode { () throws(DocumentFaults) in
                try TaskPatch.decode(body, name: name)
            }
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in
            try engine.patchTask(read.pod, read.task, read.patch, context)
        }
    }
}

@Sendable private func deleteTask(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        (
            pod: try call.podName(), task: try call.taskName(), uid: try call.query.uid(),
            grace: try call.query.grace(), allowMissing: try call.query.flag("allowMissing")
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in
            try engine.deleteTask(
                read.pod, read.task, uid: read.uid, grace: read.grace,
                allowMissing: read.allowMissing, context)
        }
    }
}

@Sendable private func startTask(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call) { engine, pod, task, context throws(Refusal) in
        try engine.startTask(pod, task, context)
    }
}

@Sendable private func pauseTask(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call) { engine, pod, task, context throws(Refusal) in
        try engine.pauseTask(pod, task, context)
    }
}

@Sendable private func resumeTask(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call) { engine, pod, task, context throws(Refusal) in
        try engine.resumeTask(pod, task, context)
    }
}

/// Seconds that the answer waits for the opening, if the client does not say otherwise. The request
/// is mostly a step of a rotation, which has to know whether it failed.
private let reopenPatience = 30.0

@Sendable private func reopenLog(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call, try call.json(), EmptyBody.decode, patience: reopenPatience) {
        engine, pod, task, _, context throws(Refusal) in
        try engine.reopenLog(pod, task, context)
    }
}

@Sendable private func stopTask(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call, try call.json(), { body throws(DocumentFaults) in try StopBody.decode(body) })
    {
        engine, pod, task, stop, context throws(Refusal) in
        try engine.stopTask(pod, task, grace: stop.grace, context)
    }
}

@Sendable private func signalTask(_ call: Call) throws(Problem) -> HTTPReply {
    try onTask(call, try call.requiredJSON(), SignalBody.decode) {
        engine, pod, task, order, context throws(Refusal) in
        try engine.signalTask(pod, task, order.signal, context)
    }
}

/// The same for a request without members.
private func onTask(
    _ call: Call, _ change: (Engine, Label, Label, RequestContext) throws(Refusal) -> MutationResult
) throws(Problem) -> HTTPReply {
    try onTask(call, try call.json(), EmptyBody.decode) {
        engine, pod, task, _, context throws(Refusal) in
        try change(engine, pod, task, context)
    }
}

/// Applies a change to a task that exists and is the requested incarnation.
private func onTask<JSON, Body>(
    _ call: Call, _ body: JSON, _ decode: (JSON) throws(DocumentFaults) -> Body,
    patience: Double = 0,
    _ change: (Engine, Label, Label, Body, RequestContext) throws(Refusal) -> MutationResult
) throws(Problem) -> HTTPReply {
    try call.mutate(patience: patience) { () throws(Problem) in
        let decoded = try call.decode { () throws(DocumentFaults) in try decode(body) }
        return (try call.query.uid(), decoded)
    } then: { read, context throws(Problem) in
        let task = try call.task()
        try call.check(read.0, against: task.uid)
        let pod = try call.podName()
        return try call.ask { engine throws(Refusal) in
            try change(engine, pod, task.spec.name, read.1, context)
        }
    }
}

/// Makes the client's connection a stream of the task's own output, and of its input if it has one.
@Sendable private func attachTask(_ call: Call) throws(Problem) -> HTTPReply {
    let upgrade = try StreamUpgrade.required(call)
    let pod = try call.pod()
    let task = try call.task()
    try call.check(try call.query.uid(), against: task.uid)
    try call.ask { engine throws(Refusal) in try engine.checkAttach(pod, task) }
    let engine = call.engine
    return upgrade.reply(
        begin: { stream in
            engine.attach(stream, to: task.spec.name, of: pod.uid) { failure in
                failure.map { stream.refuse(nil, $0) } ?? stream.release()
            }
        }, failed: {})
}
