// A request as its handler receives it.

import Documents
import Engine
import HTTP
import Model

/// The input of a handler: the request, its parameters, and the engine.
struct Call: Sendable {
    let engine: Engine
    let beats: Heartbeat
    let request: HTTPRequest
    let query: Query
    /// The media type that was negotiated from the route's offers.
    let mediaType: String
    let meter: Meter

    /// The request's path, for problem documents.
    var instance: String { request.path }
    var isHead: Bool { request.method == "HEAD" }

    func problem(_ code: ProblemCode, _ detail: String) -> Problem {
        Problem(code, detail, instance: instance)
    }
}

// MARK: The path's parameters

extension Call {
    /// `/v1/pods/{pod}`: if the text is no valid name, the pod is unknown.
    func podName() throws(Problem) -> Label {
        let text = segment(2)
        guard let name = Label(text) else {
            throw problem(.podUnknown, "no pod can have this name: it has \(Label.rule)")
        }
        return name
    }

    /// `/v1/pods/{pod}/tasks/{task}`.
    func taskName() throws(Problem) -> Label {
        guard let name = Label(segment(4)) else {
            throw problem(.taskUnknown, "no task can have this name: it has \(Label.rule)")
        }
        return name
    }

    /// The name of a new object: a refusal quotes the rule for names.
    func newName(at index: Int) throws(Problem) -> Label {
        guard let name = Label(segment(index)) else {
            throw problem(.malformedRequest, "the name in the path must be \(Label.rule)")
        }
        return name
    }

    /// `/v1/networks/{network}`.
    func networkName() throws(Problem) -> Label {
        guard let name = Label(segment(2)) else {
            throw problem(.networkUnknown, "no network can have this name: it has \(Label.rule)")
        }
        return name
    }

    /// `/v1/operations/{operation}`.
    func operationID() throws(Problem) -> UID {
        guard let id = UID(segment(2)) else {
            throw problem(.malformedRequest, "the operation's id in the path must be a UUID")
        }
        return id
    }

    func segment(_ index: Int) -> String {
        guard let segments = request.segments, index < segments.count else { return "" }
        return segments[index]
    }
}

// MARK: The named objects

extension Call {
    func pod() throws(Problem) -> Pod {
        let name = try podName()
        guard let pod = engine.pod(name) else {
            throw problem(.podUnknown, "there is no pod '\(name)'")
        }
        return pod
    }

    func task() throws(Problem) -> PodTask {
        let pod = try pod()
        let name = try taskName()
        guard let task = pod[task: name] else {
            throw problem(.taskUnknown, "the pod '\(pod.name)' has no task '\(name)'")
        }
        return task
    }
}
