// Finds a path's routes in as many steps as the path has segments, without allocating.

import Bytes

/// A node in the tree of patterns.
final class RouteNode: Sendable {
    let routes: [Route]
    private let literals: [(text: String, node: RouteNode)]
    private let parameter: RouteNode?

    /// The tree of the patterns' segments from `depth` on; patterns that end here belong to this
    /// node.
    init(_ routes: [Route], depth: Int = 0) {
        let patterns = routes.map { (segments: patternSegments($0.pattern), route: $0) }
        self.routes = patterns.filter { $0.segments.count == depth }.map(\.route)
        var children: [(text: String, routes: [Route])] = []
        for (segments, route) in patterns where segments.count > depth {
            let text = segments[depth].begins(with: "{") ? "{}" : segments[depth]
            if let index = children.firstIndex(where: { $0.text == text }) {
                children[index].routes.append(route)
            } else {
                children.append((text, [route]))
            }
        }
        let nodes = children.map { (text: $0.text, node: RouteNode($0.routes, depth: depth + 1)) }
        literals = nodes.filter { $0.text != "{}" }
        parameter = nodes.first { $0.text == "{}" }?.node
    }

    /// The node of a path; `nil` if no pattern matches. A literal wins over a parameter.
    func find(_ segments: [String]) -> RouteNode? {
        var node = self
        for segment in segments {
            guard let next = node.child(segment) else { return nil }
            node = next
        }
        return node.routes.isEmpty ? nil : node
    }

    /// The route of a method; the route of GET also answers HEAD.
    func route(_ method: String) -> Route? {
        let name = method == "HEAD" ? "GET" : method
        for route in routes where route.method == name { return route }
        return nil
    }

    /// For the `Allow` header.
    var methods: [String] {
        routes.map(\.method).flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }
    }

    private func child(_ segment: String) -> RouteNode? {
        for literal in literals where literal.text == segment { return literal.node }
        return parameter
    }
}

/// Splits `/v1/pods/{pod}` into `v1`, `pods`, `{pod}`.
private func patternSegments(_ pattern: String) -> [String] {
    pattern.fields("/")
}
