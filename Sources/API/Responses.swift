// Values as responses with their headers.

import Documents
import HTTP
import Model

extension Call {
    /// 202.
    func acceptance(_ operation: PodOperation) -> HTTPResponse {
        HTTPResponse(status: 202, json: operation.document(), headers: whereToPoll(operation))
    }

    /// 200; if the operation has not ended, the headers say where and when to poll.
    func response(_ operation: PodOperation) -> HTTPResponse {
        let headers =
            operation.state.hasEnded
            ? [("Operation-Location", operation.href)] : whereToPoll(operation)
        return HTTPResponse(json: operation.document(), headers: headers)
    }

    func response(_ pod: Pod) -> HTTPResponse {
        HTTPResponse(json: pod.document(), headers: [("ETag", pod.entityTag)])
    }

    func response(_ task: PodTask) -> HTTPResponse {
        HTTPResponse(
            json: task.document(), headers: [("ETag", task.entityTag)])
    }

    func response(_ network: NetworkDocument) -> HTTPResponse {
        HTTPResponse(json: network.document(), headers: [("ETag", network.network.entityTag)])
    }

    func response(_ problem: Problem) -> HTTPResponse { problem.response() }

    private func whereToPoll(_ operation: PodOperation) -> [(name: String, value: String)] {
        [
            ("Location", operation.href), ("Operation-Location", operation.href),
            ("Retry-After", "1"),
        ]
    }
}

extension PodOperation {
    /// The operation's own path.
    var href: String { "/v1/operations/\(id)" }
}

extension Problem {
    func response(headers: [(name: String, value: String)] = []) -> HTTPResponse {
        var headers = headers
        if let operation { headers.append(("Operation-Location", "/v1/operations/\(operation)")) }
        if retryable { headers.append(("Retry-After", "1")) }
        return HTTPResponse(
            status: status, contentType: "application/problem+json", headers: headers,
            body: .heap(document()))
    }
}
