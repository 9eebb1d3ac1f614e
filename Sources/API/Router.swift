// Finds the route of a request, calls its handler and makes the reply.

import Documents
import Engine
import HTTP
import Kernel
import Linux
import Metrics
import Model

final class Router: Sendable {
    private let engine: Engine
    private let beats: Heartbeat
    private let tree: RouteNode

    init(_ engine: Engine, _ routes: [Route]) throws(SystemCallFailure) {
        self.engine = engine
        beats = try Heartbeat()
        tree = RouteNode(routes)
    }

    func handle(_ request: HTTPRequest) -> HTTPReply {
        let node = request.segments.flatMap(tree.find)
        let route = node?.route(request.method)
        let meter = meter(request, route ?? node?.routes.first)
        let reply =
            if let route {
                answer(request, route, meter)
            } else if let node {
                HTTPReply.response(methodNotAllowed(request, node.methods))
            } else {
                HTTPReply.response(notFound(request))
            }
        meter.count(reply)
        return reply
    }

    func refuse(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        let node = request.segments.flatMap(tree.find)
        let response = Problem(refusal, instance: request.path).response()
        meter(request, node?.route(request.method) ?? node?.routes.first).count(response.status)
        return response
    }

    func noteEviction() { engine.metrics.httpGaveWay.add() }

    private func answer(_ request: HTTPRequest, _ route: Route, _ meter: Meter) -> HTTPReply {
        do throws(Problem) {
            let wanted =
                route.produces.isEmpty ? "" : negotiate(request.header("Accept"), route.produces)
            guard let type = wanted ?? (route.ignoresAccept ? route.produces.first : nil) else {
                let types = route.produces.joined(separator: " or ")
                let detail = "the answer is \(types), which the Accept header leaves out"
                throw Problem(.notAcceptable, detail, instance: request.path)
            }
            let query = try Query(request.query, known: route.query, instance: request.path)
            let call = Call(
                engine: engine, beats: beats, request: request, query: query, mediaType: type,
                meter: meter)
            return notModified(request, try route.handler(call))
        } catch {
            return .response(error.response())
        }
    }

    /// RFC 9110, section 13.1.2: a client that already has the document of this entity tag, or that
    /// wants none at all, gets only the tag.
    private func notModified(_ request: HTTPRequest, _ reply: HTTPReply) -> HTTPReply {
        guard request.method == "GET" || request.method == "HEAD",
            let tags = request.list("If-None-Match").map(EntityTags.init),
            case .response(let response) = reply, response.status == 200,
            let tag = response.headers.first(where: { $0.name == "ETag" })?.value,
            tags.matchesWeakly(tag)
        else { return reply }
        return .response(HTTPResponse(status: 304, headers: [("ETag", tag)]))
    }

    private func meter(_ request: HTTPRequest, _ route: Route?) -> Meter {
        Meter(engine.metrics, method: request.method, route: route?.pattern)
    }

    func notFound(_ request: HTTPRequest) -> HTTPResponse {
        Problem(.notFound, "nothing is served at this path", instance: request.path).response()
    }

    private func methodNotAllowed(_ request: HTTPRequest, _ methods: [String]) -> HTTPResponse {
        let allowed = methods.joined(separator: ", ")
        let problem = Problem(
            .methodNotAllowed, "this path knows \(allowed)", instance: request.path)
        return problem.response(headers: [("Allow", allowed)])
    }
}

extension Problem {
    /// The problem for a request that the HTTP server itself refuses.
    init(_ refusal: HTTPRefusal, instance: String) {
        let (code, detail): (ProblemCode, String) =
            switch refusal {
            case .bodyTooLarge(let limit): (.bodyTooLarge, "the body is over \(limit) bytes")
            case .malformedHead(let why): (.malformedRequest, why)
            case .unknownTransferCoding:
                (.transferCodingUnknown, "the only Transfer-Encoding is chunked")
            case .malformedPath: (.malformedRequest, "the path cannot be decoded")
            case .malformedQuery: (.malformedRequest, "the query cannot be decoded")
            case .tooManyStreams(let limit): (.tooManyWaits, "\(limit) streams are open already")
            }
        self.init(code, detail, instance: instance)
    }
}
