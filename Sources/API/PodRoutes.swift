// Pods.

import Bytes
import Documents
import Engine
import HTTP
import Host
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
    let list = paging.list(pods, \.uid, revision: revision) { pod in
        (state == nil || pod.state == state)
            && labels.allSatisfy { pod.spec.hasLabel($0.key, $0.value) }
    }
    return .response(HTTPResponse(json: list))
}

/// `key=value`; the value may be empty, and may contain a `=`.
private func readLabel(_ text: String) -> (key: String, value: String)? {
    guard let (key, value) = text.cut("="), !key.isEmpty else { return nil }
    return (key, value)
}

@Sendable private func getPod(_ call: Call) throws(Problem) -> HTTPReply {
    .response(call.response(try call.pod()))
}

@Sendable private func createPod(_ call: Call) throws(Problem) -> HTTPReply {
    try create(call.engine.freshPodName(), call)
}

@Sendable private func putPod(_ call: Call) throws(Problem) -> HTTPReply {
    try create(try call.newName(at: 2), call)
}

private func create(_ name: Label, _ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let body = try call.requiredJSON()
        return try call.decode { () throws(DocumentFaults) in
            try PodSpec.decode(
                body, name: name, nestsCPULimits: call.engine.info.nestsCPULimits)
        }
    } then: { spec, context throws(Problem) in
        try call.ask { engine throws(Refusal) in try engine.createPod(name, spec, context) }
    }
}

@Sendable private func patchPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let name = try call.podName()
        let body = try call.requiredJSON(patchTypes)
        return (
            name, try call.decode { () throws(DocumentFaults) in try PodPatch.decode(body) }
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in try engine.patchPod(read.0, read.1, context) }
    }
}

@Sendable private func deletePod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        (
            name: try call.podName(), uid: try call.query.uid(), grace: try call.query.grace(),
            allowMissing: try call.query.flag("allowMissing")
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in
            try engine.deletePod(
                read.name, uid: read.uid, grace: read.grace, allowMissing: read.allowMissing,
                context)
        }
    }
}

@Sendable private func stopPod(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let uid = try call.query.uid()
        let body = try call.json()
        return (
            uid,
            try call.decode { () throws(DocumentFaults) in try StopBody.decode(body, ofPod: true) }
        )
    } then: { read, context throws(Problem) in
        let pod = try call.pod()
        try call.check(read.0, against: pod.uid)
        return try call.ask { engine throws(Refusal) in
            try engine.stopPod(
                pod.name, grace: read.1.grace, release: read.1.release, context)
        }
    }
}
