// Reading of a request's body as JSON.

import Bytes
import Documents
import HTTP
import JSON
import Model

extension Call {
    /// The body as a JSON value; `nil` if there is none.
    func json(_ route: [String] = jsonTypes) throws(Problem) -> JSONValue? {
        guard !request.body.isEmpty else { return nil }
        try checkType(route)
        do { return try JSONValue.parse(request.body) } catch {
            throw Problem(error, instance: instance)
        }
    }

    /// The body as a JSON value; an empty body is refused.
    func requiredJSON(_ types: [String] = jsonTypes) throws(Problem) -> JSONValue {
        if let value = try json(types) { return value }
        let fault = JSONFault(kind: .empty, detail: "there is no body, and JSON is expected")
        throw Problem(fault, instance: instance)
    }

    /// Runs `decode` and turns its faults into a problem.
    func decode<Value>(
        _ decode: () throws(DocumentFaults) -> Value
    ) throws(Problem) -> Value {
        do { return try decode() } catch { throw Problem(error, instance: instance) }
    }

    /// A request without Content-Type is accepted. A charset is ignored: JSON is UTF-8 (RFC 8259,
    /// section 8.1).
    private func checkType(_ types: [String]) throws(Problem) {
        guard let header = request.header("Content-Type") else { return }
        let type = trimmed(header.upTo(";")).lowered
        guard !types.contains(type) else { return }
        let expected = types.joined(separator: " or ")
        throw problem(.unsupportedMediaType, "the body is '\(type)', and \(expected) is expected")
    }
}

let jsonTypes = ["application/json"]
let patchTypes = ["application/merge-patch+json", "application/json"]
