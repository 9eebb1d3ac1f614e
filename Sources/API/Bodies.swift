// A request's body, as far as JSON goes.

import Bytes
import Documents
import HTTP
import JSON
import Model

extension Call {
    /// The body as a JSON value; `nil` where there is none.
    func json(_ route: [String] = jsonTypes) throws(Problem) -> JSONValue? {
        guard !request.body.isEmpty else { return nil }
        try checkType(route)
        do { return try JSONValue.parse(request.body) } catch {
            throw Problem(error, instance: instance)
        }
    }

    /// The body, where there must be one.
    func requiredJSON(_ types: [String] = jsonTypes) throws(Problem) -> JSONValue {
        if let value = try json(types) { return value }
        let fault = JSONFault(kind: .empty, detail: "there is no body, and JSON is expected")
        throw Problem(fault, instance: instance)
    }

    /// What `decode` makes of a document.
    func decode<Value>(
        _ decode: () throws(DocumentFaults) -> Value
    ) throws(Problem) -> Value {
        do { return try decode() } catch { throw Problem(error, instance: instance) }
    }

    /// No Content-Type will do; JSON is UTF-8 (RFC 8259, section 8.1), whatever its parameter.
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
