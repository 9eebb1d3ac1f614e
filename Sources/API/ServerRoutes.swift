// The routes about the server itself.

import Documents
import Engine
import HTTP
import JSON
import Model

let serverRoutes: [Route] = [
    Route("GET", "/v1", getServer),
    Route("GET", "/openapi.json", getDocument),
    Route("GET", "/problems/{code}", getProblem),
]

@Sendable private func getServer(_ call: Call) throws(Problem) -> HTTPReply {
    .response(HTTPResponse(json: ServerDocument(call.engine).document()))
}

@Sendable private func getDocument(_ call: Call) throws(Problem) -> HTTPReply {
    .response(
        HTTPResponse(
            status: 200, contentType: "application/json", body: .permanent(OpenAPIDocument.bytes)))
}

@Sendable private func getProblem(_ call: Call) throws(Problem) -> HTTPReply {
    guard let code = ProblemCode(rawValue: call.segment(1)) else {
        throw call.problem(.notFound, "no problem has this code")
    }
    return .response(HTTPResponse(json: code.document()))
}
