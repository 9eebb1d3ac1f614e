// The stream of events.

import Documents
import Engine
import HTTP
import Model

let eventRoutes: [Route] = [
    Route(
        "GET", "/v1/events", query: ["since"],
        produces: ["application/x-ndjson", "text/event-stream"], streamEvents)
]

@Sendable private func streamEvents(_ call: Call) throws(Problem) -> HTTPReply {
    let since = try start(call)
    if call.isHead { return .response(HTTPResponse(status: 200, contentType: call.mediaType)) }
    let format: EventFeed.Format =
        call.mediaType == "text/event-stream" ? .serverSent : .lines
    return try call.ask { engine throws(Refusal) in
        .stream(try EventFeed.open(format, since: since, engine: engine, beats: call.beats))
    }
}

/// A browser that reconnects sends the same query, and its last revision in the header.
private func start(_ call: Call) throws(Problem) -> UInt64 {
    let asked = try call.query.value("since", "a revision or 'now'") { text in
        text == "now" ? call.engine.revision : revision(text)
    }
    // An empty header counts as none: an event source that has seen no id may send it.
    guard let header = call.request.header("Last-Event-ID").map(trimmed), !header.isEmpty else {
        return asked ?? call.engine.revision
    }
    guard let seen = revision(header) else {
        throw call.problem(.malformedRequest, "the header Last-Event-ID must be a revision")
    }
    return seen
}

private func revision(_ text: String) -> UInt64? {
    wholeNumber(text).flatMap { UInt64(exactly: $0) }
}
