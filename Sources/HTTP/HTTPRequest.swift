//  A request as a value: everything that the client sent, copied out of libmicrohttpd's memory.

/// The peer of a unix socket, as the kernel recorded it when the connection was made.
package struct HTTPPeer: Hashable, Sendable {
    package let pid: Int32
    package let uid: UInt32
    package let gid: UInt32

    package init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }
}

/// A request with its whole body.
package struct HTTPRequest: Sendable {
    /// As sent; HTTP's methods are case-sensitive.
    package var method: String
    /// As sent, still percent-encoded, without the query.
    package var path: String
    /// The path's segments, percent-decoded: `/` has none, and `/a/` has `a` and an empty segment.
    /// An encoded slash is a part of its segment. `nil` if the path does not start with a slash, or
    /// if a segment is invalid percent-encoding, is not UTF-8 or contains a NUL. The server refuses
    /// such a request itself, so only `refuse` sees `nil`.
    package var segments: [String]?
    /// The query's members in order, percent-decoded, with `+` read as a space. A value is `nil` if
    /// there is no `=`.
    package var query: [(name: String, value: String?)]
    /// In the order sent, with the names as the client spelled them.
    package var headers: [(name: String, value: String)]
    /// Empty if there is no body.
    package var body: [UInt8]
    /// `nil` on TCP.
    package var peer: HTTPPeer?

    package init(
        method: String, path: String, segments: [String]?,
        query: [(name: String, value: String?)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = [], peer: HTTPPeer? = nil
    ) {
        self.method = method
        self.path = path
        self.segments = segments
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
    }

    /// Makes the request that a client would send for `target` (path and query, as on the wire).
    package init(
        method: String, target: String, headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], peer: HTTPPeer? = nil
    ) {
        let parsed = Target(parsing: target)
        self.init(
            method: method, path: parsed.path, segments: parsed.segments,
            query: parsed.query ?? [], headers: headers, body: body, peer: peer)
    }

    /// The first header of that name, in upper or lower case; `nil` if there is none.
    package func header(_ name: String) -> String? {
        for header in headers where isSameHeader(header.name, name) { return header.value }
        return nil
    }

    /// The members of all headers of that name as one list (RFC 9110, section 5.3); `nil` if there
    /// is none.
    package func list(_ name: String) -> String? {
        let values = headers.filter { isSameHeader($0.name, name) }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}

/// Field names are compared as ASCII without case (RFC 9110, section 5.1).
func isSameHeader(_ one: String, _ other: String) -> Bool {
    let (left, right) = (one.utf8, other.utf8)
    guard left.count == right.count else { return false }
    for (first, second) in zip(left, right) where first != second {
        let (low, high) = (first | 0x20, second | 0x20)
        guard low == high, low >= UInt8(ascii: "a"), low <= UInt8(ascii: "z") else { return false }
    }
    return true
}
