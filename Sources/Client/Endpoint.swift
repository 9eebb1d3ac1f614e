// Where a server listens, and why it did not answer.

package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The path of a unix socket.
    case unix(String)
    case tcp(host: String, port: UInt16)

    /// What stands before the path in a URL. The host of a unix socket is only for the header.
    var origin: String {
        switch self {
        case .unix: "http://localhost"
        case .tcp(let host, let port): "http://\(host):\(port)"
        }
    }

    package var description: String {
        switch self {
        case .unix(let path): path
        case .tcp(let host, let port): "\(host):\(port)"
        }
    }
}

/// Why there is no answer. Whether the server has the request is known in none of these cases but
/// the first, so whoever sends it again has to send the same one.
package enum ClientFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection: the request was not sent.
    case unreachable(String)
    /// The caller's patience was at its end.
    case tookTooLong
    /// The caller called it off.
    case canceled
    /// The connection ended before the answer did.
    case broken(String)
    /// An answer that is not what was asked for.
    case malformed(String)

    package var description: String {
        switch self {
        case .unreachable(let why): "nobody answers: \(why)"
        case .tookTooLong: "no answer in time"
        case .canceled: "called off"
        case .broken(let why): "the connection broke: \(why)"
        case .malformed(let why): "the answer cannot be read: \(why)"
        }
    }
}
