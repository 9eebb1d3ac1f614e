// A request's path, query, headers and body. The input is text as on the wire: the request line
// without its version, the headers, an empty line, the body.

import Bytes
import Documents
import HTTP
import JSON
import Model

@testable import API

private let tree = RouteNode(routes)

@Sendable func fuzzRequest(_ bytes: [UInt8]) {
    let request = request(bytes)
    _ = Fingerprint(of: request)
    readHeaders(request)
    guard let node = request.segments.flatMap(tree.find),
        let route = node.route(request.method)
    else { return }
    must(
        route.produces.contains(negotiate(request.header("Accept"), route.produces) ?? "")
            || request.header("Accept") != nil, "nothing is acceptable without an Accept")
    readNames(request)
    do throws(Problem) { try readQuery(request, route) } catch { check(error) }
    do throws(JSONFault) {
        if !request.body.isEmpty { readBody(try JSONValue.parse(request.body), route) }
    } catch { check(Problem(error, instance: request.path)) }
}

/// Lines end with LF. Bytes that are not UTF-8 are repaired, as with MHD's bytes.
private func request(_ bytes: [UInt8]) -> HTTPRequest {
    var rest = bytes[...]
    func line() -> String {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        defer { rest = rest[min(end + 1, rest.endIndex)...] }
        return String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
    }
    let first = line().split(separator: " ", maxSplits: 1)
    var headers: [(name: String, value: String)] = []
    while case let text = line(), !text.isEmpty {
        let parts = text.split(separator: ":", maxSplits: 1).map { trimmed($0) }
        headers.append((parts.first ?? "", parts.count > 1 ? parts[1] : ""))
    }
    return HTTPRequest(
        method: first.first.map(String.init) ?? "", target: first.count > 1 ? String(first[1]) : "",
        headers: headers, body: Array(rest))
}

private func readHeaders(_ request: HTTPRequest) {
    if let wait = Waiting.preference(request.headers) {
        must((0...Double(Waiting.limit)).contains(wait), "a wait of \(wait) s")
    }
    let offers = ["application/x-ndjson", "text/event-stream"]
    if let chosen = negotiate(request.header("Accept"), offers) {
        must(offers.contains(chosen), "\(chosen) was not offered")
    }
    for name in ["Operation-Id", "Last-Event-ID", "If-Match", "Content-Type"] {
        _ = request.header(name).map { UID(trimmed($0)) }
    }
}

private func readNames(_ request: HTTPRequest) {
    for segment in request.segments ?? [] {
        if let name = Label(segment) { must(name.text.utf8.count <= 63, "a name of \(name)") }
        if let uid = UID(segment) { must(UID(uid.description) == uid, "\(uid) is another") }
        _ = ProblemCode(rawValue: segment)
    }
}

private func readQuery(_ request: HTTPRequest, _ route: Route) throws(Problem) {
    let query = try Query(request.query, known: route.query, instance: request.path)
    if let grace = try query.grace() {
        must((0...86_400_000).contains(grace), "a grace of \(grace) ms")
    }
    if let wait = try query.wait() {
        must((0...Double(Waiting.limit)).contains(wait), "a wait of \(wait) s")
    }
    if let page = try Paging(query).after {
        must(PageToken.uid(PageToken.text(page)) == page, "page")
    }
    _ = try query.uid()
    _ = (try query.flag("allowMissing"), try query.flag("fresh"))
}

/// Gives the document to every reader, because each reader must take any document.
private func readBody(_ value: JSONValue, _ route: Route) {
    guard let name = Label("name") else { return }
    read { () throws(DocumentFaults) in
        let spec = try PodSpec.decode(value, name: name)
        must(spec.differences(from: spec).isEmpty, "a pod differs from itself")
        try survives(spec)
    }
    read { () throws(DocumentFaults) in
        let spec = try TaskSpec.decode(value, name: name)
        must(spec.differences(from: spec).isEmpty, "a task differs from itself")
    }
    read { () throws(DocumentFaults) in
        let patch = try PodPatch.decode(value)
        let spec = try patch.applied(to: PodSpec(hostname: "name"))
        must(try patch.applied(to: spec) == spec, "a patch twice is not the patch once")
    }
    read { () throws(DocumentFaults) in _ = try StopBody.decode(value) }
    read { () throws(DocumentFaults) in _ = try SignalBody.decode(value) }
    read { () throws(DocumentFaults) in try EmptyBody.decode(value) }
}

private func read(_ body: () throws(DocumentFaults) -> Void) {
    do throws(DocumentFaults) { try body() } catch {
        must(!error.faults.isEmpty, "refused without a fault")
        check(Problem(error, instance: "/"))
    }
}

/// An accepted spec is stored, and is the same after the daemon's next start.
private func survives(_ spec: PodSpec) throws(DocumentFaults) {
    let uid = UID(high: 0x019a_bf5e_8d3a_7c11, low: 0x9a56_3b1f_0c2d_4e5f)
    let now = Timestamp(milliseconds: 1_700_000_000_000)
    guard let name = Label("name") else { return }
    let tasks = spec.tasks.map {
        PodTask(uid: uid, spec: $0, state: .creating, revision: 1, createdAt: now)
    }
    let pod = Pod(
        uid: uid, name: name, spec: spec, state: .creating, revision: 1, createdAt: now,
        tasks: tasks)
    do throws(RecordFault) {
        must(try Pod(record: pod.record()) == pod, "a pod is another after it was stored")
    } catch { must(false, "what was stored cannot be read: \(error)") }
    readAgain(pod.document().bytes)
}

/// Every problem is a document that clients can read.
private func check(_ problem: Problem) {
    must((400...599).contains(problem.status), "a status of \(problem.status)")
    readAgain(problem.document().bytes)
}

private func readAgain(_ document: [UInt8]) {
    do throws(JSONFault) { _ = try JSONValue.parse(document) } catch {
        must(false, "no JSON: \(error): \(String(decoding: document, as: UTF8.self))")
    }
}
