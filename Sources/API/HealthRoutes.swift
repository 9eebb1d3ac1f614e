// The routes for monitoring, also on the read-only listener.

import Bytes
import Documents
import Engine
import HTTP
import JSON
import Metrics
import Model

/// These routes ignore Accept, because no person reads the answer to a refused scrape or probe.
let healthRoutes: [Route] = [
    Route("GET", "/metrics", produces: ["text/plain"], ignoresAccept: true, getMetrics),
    Route("GET", "/healthz", ignoresAccept: true, getHealth),
    Route("GET", "/readyz", ignoresAccept: true, getReadiness),
]

@Sendable private func getMetrics(_ call: Call) throws(Problem) -> HTTPReply {
    call.engine.updateMetrics()
    ProcessMetrics.update(call.engine.metrics)
    return .response(
        HTTPResponse(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: .bytes(call.engine.metrics.render())))
}

/// A daemon that can answer is healthy.
@Sendable private func getHealth(_ call: Call) throws(Problem) -> HTTPReply {
    .response(status("ok"))
}

/// Ready means that mutations are accepted. Refused creates are only mentioned, because they are no
/// reason to send deletes elsewhere.
@Sendable private func getReadiness(_ call: Call) throws(Problem) -> HTTPReply {
    guard call.engine.isReady else {
        throw call.problem(.starting, "the sandboxes of the last run are being looked at")
    }
    return .response(
        status("ready", call.engine.refusal.map { "creates are refused: \($0)" }))
}

private func status(_ text: String, _ reason: String? = nil) -> HTTPResponse {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.key("status")
    writer.value(text)
    if let reason {
        writer.key("reason")
        writer.value(reason)
    }
    writer.endObject()
    return HTTPResponse(json: writer.finish())
}
