// Every reply of the daemon, checked against openapi/staunch.json.

import Foundation
import JSON
import Testing

struct Contract {
    let document: JSONValue
    let schemas: SchemaChecker

    static let shared = Result { try Contract() }

    init(path: String = Installation.root + "/openapi/staunch.json") throws {
        document = try JSONValue.parse(Array(text(of: path)?.utf8 ?? "".utf8))
        schemas = SchemaChecker(document: document)
    }

    struct Route {
        let template: String
        /// In upper case.
        let methods: [String]
    }

    var routes: [Route] {
        (document["paths"]?.members ?? []).map { path in
            let methods = (path.value.members ?? []).map(\.name).filter { $0 != "parameters" }
            return Route(template: path.name, methods: methods.map { $0.uppercased() }.sorted())
        }
    }

    func route(of target: String) -> Route? {
        let path = target.prefix { $0 != "?" }.split(
            separator: "/", omittingEmptySubsequences: false)
        return routes.first { route in
            let parts = route.template.split(separator: "/", omittingEmptySubsequences: false)
            return parts.count == path.count
                && zip(parts, path).allSatisfy { $0 == $1 || $0.hasPrefix("{") && !$1.isEmpty }
        }
    }

    /// Records an issue for each difference between the reply and the document.
    static func check(
        _ method: String, _ target: String, _ reply: Reply, sourceLocation: SourceLocation
    ) throws {
        for fault in try shared.get().faults(method, target, reply) {
            Issue.record(
                "\(method) \(target) → \(reply.status): \(fault)\n\(reply.text.prefix(2000))",
                sourceLocation: sourceLocation)
        }
    }

    func faults(_ method: String, _ target: String, _ reply: Reply) -> [String] {
        guard let route = route(of: target) else { return problemFaults(reply, [404, 400, 503]) }
        guard route.methods.contains(method) else {
            let allow = reply[header: "allow"] == nil ? ["no Allow"] : []
            return problemFaults(reply, [405]) + allow
        }
        let operation = document["paths"]?[route.template]?[method.lowercased()]
        guard let found = operation?["responses"]?[String(reply.status)] else {
            return ["the status is not documented"]
        }
        let response = schemas.resolved(found)
        return headerFaults(response, reply) + bodyFaults(response, reply)
    }

    private func headerFaults(_ response: JSONValue, _ reply: Reply) -> [String] {
        (response["headers"]?.members ?? []).flatMap { header -> [String] in
            guard let value = reply[header: header.name] else {
                return header.value["required"] == .bool(true) ? ["no header \(header.name)"] : []
            }
            return schemas.faults(.string(value), header.value["schema"] ?? .bool(true))
                .map { "header \(header.name): \($0)" }
        }
    }

    private func bodyFaults(_ response: JSONValue, _ reply: Reply) -> [String] {
        guard let contents = response["content"]?.members else {
            return reply.body.isEmpty ? [] : ["a body without a documented one"]
        }
        let type = mediaType(reply)
        guard let content = contents.first(where: { $0.name == type }) else {
            return ["content type \(type) is not documented"]
        }
        guard type.contains("json"), let schema = content.value["schema"] else { return [] }
        return jsonFaults(reply, schema, byLine: type == "application/x-ndjson")
    }

    private func jsonFaults(_ reply: Reply, _ schema: JSONValue, byLine: Bool) -> [String] {
        let texts = byLine ? reply.body.split(separator: 10).map(Array.init) : [reply.body]
        return texts.flatMap { text -> [String] in
            do { return schemas.faults(try JSONValue.parse(text), schema) } catch {
                return ["not JSON: \(error)"]
            }
        }
    }

    private func problemFaults(_ reply: Reply, _ statuses: [Int]) -> [String] {
        var faults = statuses.contains(reply.status) ? [] : ["status is none of \(statuses)"]
        if mediaType(reply) != "application/problem+json" { faults.append("no problem document") }
        let schema = document["components"]?["schemas"]?["Problem"] ?? .bool(false)
        return faults + jsonFaults(reply, schema, byLine: false)
    }

    private func mediaType(_ reply: Reply) -> String {
        String((reply[header: "content-type"] ?? "none").prefix { $0 != ";" }).lowercased()
    }
}
