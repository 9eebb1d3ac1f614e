// Pods.

import Bytes
import Documents
import Engine
import HTTP
import Model

let podRoutes: [Route] = [
    Route("GET", "/v1/pods", query: ["limit", "page", "label", "state"], listPods),
    Route("POST", "/v1/pods", createPod),
    Route("GET", "/v1/pods/{pod}", getPod),
    Route("PUT", "/v1/pods/{pod}", putPod),
    Route("PATCH", "/v1/pods/{pod}", patchPod),
    Route("DELETE", "/v1/pods/{pod}", query: ["uid", "grace", "allowMissing"], deletePod),
    Route("POST", "/v1/pods/{pod}/stop", query: ["uid"], stopPod),
]

@Sendable private func listPods(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let state = try call.query.state(PodState.self)
    let labels = try call.query.values("label", "key=value", readLabel)
    let (pods, revision) = call.engine.pods()
    let (items, next) = paging.page(pods, \.uid) { pod in
        (state == nil || pod.state == state)
            && labels.allSatisfy { pod.spec.hasLabel($0.key, $0.value) }
    }
    let list = DocumentList(items: items, next: next, revision: revision)
    return .response(HTTPResponse(json: list.document()))
}

/// `key=value`; the value may be empty, and may hold a `=`.
private func readLabel(_ text: String) -> (key: String, value: String)? {
    guard let (key, value) = text.cut("="), !key.isEmpty else { return nil }
    return (key, value)
}

@Sendable private func getPod(_ call: Call) throws(Problem) -> HTTPReply {
    .response(call.response(try call.pod()))
}

@Sendable private func createPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { context throws(Problem) in
        try create(call.engine.freshPodName(), call, context)
    }
}

@Sendable private func putPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { context throws(Problem) in
        try create(try call.newName(at: 2), call, context)
    }
}

private func create(
    _ name: Label, _ call: Call, _ context: RequestContext
) throws(Problem) -> Accepted {
    let body = try call.requiredJSON()
    let spec = try call.decode { () throws(DocumentFaults) in
        try PodSpec.decode(body, name: name)
    }
    return try call.engine.createPod(name, spec, context)
}

@Sendable private func patchPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { context throws(Problem) in
        let name = try call.podName()
        let body = try call.requiredJSON(patchTypes)
        let patch = try call.decode { () throws(DocumentFaults) in try PodPatch.decode(body) }
        return try call.engine.patchPod(name, patch, context)
    }
}

@Sendable private func deletePod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { context throws(Problem) in
        try call.engine.deletePod(
            try call.podName(), uid: try call.query.uid(), grace: try call.query.grace(),
            allowMissing: try call.query.flag("allowMissing"), context)
    }
}

@Sendable private func stopPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { context throws(Problem) in
        let uid = try call.query.uid()
        let body = try call.json()
        let stop = try call.decode { () throws(DocumentFaults) in try StopBody.decode(body) }
        let pod = try call.pod()
        try call.check(uid, against: pod.uid)
        return try call.engine.stopPod(pod.name, grace: stop.grace, context)
    }
}
