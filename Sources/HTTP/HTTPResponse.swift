//  A response as a value.

package import Bytes

/// Bytes that are there for as long as the process is: a C array, a literal.
@safe package struct PermanentBytes: @unchecked Sendable {
    // SAFETY: never written and never freed; whoever made this said so.
    let buffer: UnsafeRawBufferPointer

    /// `buffer` must stay as it is until the process ends.
    @unsafe package init(_ buffer: UnsafeRawBufferPointer) { unsafe self.buffer = buffer }

    package init(_ literal: StaticString) {
        precondition(literal.hasPointerRepresentation)
        unsafe self.buffer = UnsafeRawBufferPointer(
            start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }
}

/// What is sent back. Length, date and connection headers are added when it is sent; for HEAD the
/// body is measured and not sent.
package struct HTTPResponse: Sendable {
    package enum Body: Sendable {
        case none
        /// Sent without a copy, and kept until it has been.
        case heap(HeapBytes)
        /// Copied once.
        case bytes([UInt8])
        /// Sent without a copy.
        case permanent(PermanentBytes)
    }

    package var status: Int
    /// Nil: no such header.
    package var contentType: String?
    /// A value with a line break in it is left out, never sent.
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
