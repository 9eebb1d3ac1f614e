// The log of a task, as text or as one JSON object a line.

import Bytes
import Documents
import Engine
import HTTP
import Host
import Linux
import Model
import ShimProtocol
import Synchronization

let logRoutes: [Route] = [
    Route(
        "GET", "/v1/pods/{pod}/tasks/{task}/logs",
        query: ["follow", "tail", "since", "until", "stream", "timestamps", "cursor"],
        produces: ["text/plain", "application/x-ndjson"], readLog)
]

@Sendable private func readLog(_ call: Call) throws(Problem) -> HTTPReply {
    let pod = try call.pod()
    let task = try call.task()
    let query = try logQuery(call, task)
    let type = call.mediaType == "text/plain" ? "text/plain; charset=utf-8" : call.mediaType
    if call.isHead { return .response(HTTPResponse(status: 200, contentType: type)) }
    // The reading wakes the stream, which pulls from the reading.
    let holder = LogStream()
    let reading = call.engine.readLog(of: task, in: pod.uid, query) { holder.wake() }
    let stream = HTTPStream(
        contentType: type, headers: [("Cache-Control", "no-store")],
        pull: {
            switch reading.pull() {
            case .bytes(let bytes): .bytes(bytes)
            case .nothing: .nothing
            case .end: .end
            case .failed: .cut
            }
        },
        onClose: { _ in reading.close() })
    holder.stream.withLock { $0 = Weak(stream) }
    return .stream(stream)
}

/// The stream, once it is made; the connection owns it.
private final class LogStream: Sendable {
    let stream = Mutex(Weak(nil))

    /// Not under the lock, because the stream calls the reading.
    func wake() { stream.withLock { $0.stream }?.wake() }
}

private struct Weak {
    weak var stream: HTTPStream?

    init(_ stream: HTTPStream?) { self.stream = stream }
}

/// A place in the log of one incarnation of a task. The text begins with the uid, as that of a page
/// does.
private struct LogCursor {
    let task: UID
    let place: LogPlace

    init?(_ text: String) {
        guard let (uid, rest) = text.cut("."), let task = PageToken.uid(uid),
            let place = LogPlace(rest)
        else { return nil }
        (self.task, self.place) = (task, place)
    }
}

private func logQuery(_ call: Call, _ task: PodTask) throws(Problem) -> LogQuery {
    var query = LogQuery()
    query.follows = try call.query.flag("follow")
    query.hasTimestamps = try call.query.flag("timestamps")
    query.tail = try call.query.value("tail", "a number of lines, or 'all'") { text in
        text == "all" ? UInt64.max : wholeNumber(text).flatMap { UInt64(exactly: $0) }
    }
    if query.tail == .max { query.tail = nil }
    let now = Timestamp(milliseconds: SystemClock.wall)
    query.since = try call.query.value("since", LogTime.rule) { LogTime($0, now: now)?.text }
    let until = try call.query.value("until", LogTime.rule) { LogTime($0, now: now) }
    query.until = until?.text
    query.endsAt = until?.milliseconds
    query.stream = try call.query.value("stream", "stdout or stderr") {
        LogQuery.Stream(rawValue: $0)
    }
    if call.mediaType != "text/plain" { query.cursorMark = PageToken.text(task.uid) }
    let cursor = try call.query.value("cursor", "a cursor of a log") { LogCursor($0) }
    try call.check(cursor?.task, against: task.uid)
    query.cursor = cursor?.place
    if query.cursor != nil && query.tail != nil {
        throw call.problem(
            .malformedRequest, "the query parameters 'cursor' and 'tail' exclude each other")
    }
    return query
}
