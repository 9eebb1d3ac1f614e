// The address of a server, and the reasons for which a request has no answer.

package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The path of a unix socket.
    case unix(String)
    case tcp(host: String, port: UInt16)

    /// The part of a URL before the path. For a unix socket the host is only for the header.
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

/// Why there is no answer. Except in the first case the server may have received the request, so a
/// retry must send the same request.
package enum ClientFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection: the request was not sent.
    case unreachable(String)
    /// The caller's time limit has passed.
    case tookTooLong
    /// The caller canceled the request.
    case canceled
    /// The connection ended before the answer was complete.
    case broken(String)
    /// The answer is not in the expected form.
    case malformed(String)

    package var description: String {
        switch self {
        case .unreachable(let why): "no server answers: \(why)"
        case .tookTooLong: "no answer in time"
        case .canceled: "called off"
        case .broken(let why): "the connection broke: \(why)"
        case .malformed(let why): "the answer cannot be read: \(why)"
        }
    }
}
