// A request and its answer.

package import JSON

package struct Request: Sendable {
    package let method: String
    /// From the slash on, with the query.
    package let target: String
    package var body: [UInt8]?
    package var headers: [(name: String, value: String)] = []
    /// Seconds until the client gives up; `nil` means never.
    package var patience: Double?

    package init(
        _ method: String, _ target: String, body: [UInt8]? = nil,
        headers: [(name: String, value: String)] = [], patience: Double? = nil
    ) {
        self.method = method
        self.target = target
        self.body = body
        self.headers = headers
        self.patience = patience
    }
}

package struct Answer: Sendable {
    package let status: Int
    /// Names in lower case, in the order received.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package subscript(header name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a document; an empty body is `null`.
    package func json() throws(ClientFailure) -> JSONValue {
        guard !body.isEmpty else { return .null }
        do { return try JSONValue.parse(body) } catch { throw .malformed("\(error)") }
    }
}
