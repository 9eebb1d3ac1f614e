//  A response as a value.

package import Bytes

/// Bytes that exist until the process ends: a C array or a literal.
@safe package struct PermanentBytes: @unchecked Sendable {
    // SAFETY: never written and never freed; the caller of `init` guarantees that.
    let buffer: UnsafeRawBufferPointer

    /// `buffer` must not change until the process ends.
    @unsafe package init(_ buffer: UnsafeRawBufferPointer) { unsafe self.buffer = buffer }

    package init(_ literal: StaticString) {
        precondition(literal.hasPointerRepresentation)
        unsafe self.buffer = UnsafeRawBufferPointer(
            start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }
}

/// The response to a request. The server adds the length, date and connection headers. If the
/// method is HEAD, the server measures the body but does not send it.
package struct HTTPResponse: Sendable {
    package enum Body: Sendable {
        case none
        /// Sent without a copy, and retained until it is sent.
        case heap(HeapBytes)
        /// Copied once.
        case bytes([UInt8])
        /// Sent without a copy.
        case permanent(PermanentBytes)
    }

    package var status: Int
    /// `nil` means no such header.
    package var contentType: String?
    /// A header whose value contains a line break is left out.
    package var headers: [(name: String, value: String)]
    package var body: Body

    package init(
        status: Int, contentType: String? = nil, headers: [(name: String, value: String)] = [],
        body: Body = .none
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    package init(
        status: Int = 200, json: HeapBytes, headers: [(name: String, value: String)] = []
    ) {
        self.init(
            status: status, contentType: "application/json", headers: headers, body: .heap(json))
    }

    package init(
        status: Int = 200, text: String, headers: [(name: String, value: String)] = []
    ) {
        self.init(
            status: status, contentType: "text/plain; charset=utf-8", headers: headers,
            body: .bytes(Array(text.utf8)))
    }
}
