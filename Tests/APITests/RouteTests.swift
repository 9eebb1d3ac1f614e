// The route table against the served document.

import HTTP
import JSON
import Linux
import Testing

@testable import API

@Suite struct Routes {
    /// The built-in document, read from its file, because the daemon's embedded copy cannot be
    /// parsed here.
    let document: JSONValue

    init() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try Files.read("/\(path)/openapi/staunch.json", limit: 1 << 22)
        document = try JSONValue.parse(bytes)
    }

    @Test("every route is in the document, and every operation of the document has a route")
    func routesAreTheDocuments() throws {
        let documented = try #require(document["paths"]?.members).flatMap { path in
            (path.value.members ?? []).filter { $0.name != "parameters" }
                .map { "\($0.name.uppercased()) \(path.name)" }
        }
        #expect(!documented.isEmpty)
        #expect(documented.sorted() == routes.map { "\($0.method) \($0.pattern)" }.sorted())
    }

    @Test("every route accepts the query parameters that the document names")
    func queriesAreTheDocuments() throws {
        for route in routes {
            let operation = document["paths"]?[route.pattern]?[route.method.lowercased()]
            let names = (operation?["parameters"]?.elements ?? []).compactMap { parameter in
                let key = parameter["$ref"]?.string?.split(separator: "/").last.map(String.init)
                let found = key.flatMap { document["components"]?["parameters"]?[$0] } ?? parameter
                return found["in"] == .string("query") ? found["name"]?.string : nil
            }
            #expect(names.sorted() == route.query.sorted(), "\(route.method) \(route.pattern)")
        }
    }

    @Test("every route answers with the media types that the document names")
    func typesAreTheDocuments() {
        for route in routes {
            let operation = document["paths"]?[route.pattern]?[route.method.lowercased()]
            let types = (operation?["responses"]?.members ?? []).filter { $0.name == "200" }
                .flatMap { ($0.value["content"]?.members ?? []).map(\.name) }
            #expect(types.sorted() == route.produces.sorted(), "\(route.method) \(route.pattern)")
        }
    }

    @Test("each method of each pattern finds its route")
    func treeFindsAll() throws {
        let tree = RouteNode(routes)
        for route in routes {
            let segments = route.pattern.split(separator: "/").map(String.init)
            let node = try #require(tree.find(segments), "\(route.pattern)")
            #expect(node.route(route.method)?.pattern == route.pattern)
        }
        let pod = tree.find(["v1", "pods", "x"])
        #expect(pod?.methods == ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
        for path in [[], [""], ["v1", ""], ["v2"], ["v1", "pods", "x", "exec"]] {
            #expect(tree.find(path) == nil, "\(path)")
        }
    }
}
