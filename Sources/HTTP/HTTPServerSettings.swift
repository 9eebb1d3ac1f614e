//  The limits of a server, and what can keep it from starting.

package struct HTTPServerSettings: Sendable {
    /// Connections at a time that neither wait nor stream. Beyond it those give way that have been
    /// silent for longest, see `ConnectionEvictor`.
    package var connectionLimit: Int
    /// A connection on which nothing moved for so long is closed. Waits and streams are exempt.
    package var idleTimeoutSeconds: Int
    /// Bytes for a connection's request line, headers and buffers; longer headers are refused.
    package var memoryPerConnection: Int
    /// Bytes of a request's body; more is refused with 413.
    package var bodyLimit: Int
    /// Bytes of all bodies that are coming in at a time; who goes beyond is cut off.
    package var allBodiesLimit = 32 << 20
    /// Requests that wait at a time; more are answered at once, with things as they are.
    package var waitLimit: Int
    /// Streams open at a time; more are refused with 503.
    package var streamLimit: Int

    package init(
        connectionLimit: Int = 1024, idleTimeoutSeconds: Int = 15,
        memoryPerConnection: Int = 16 << 10, bodyLimit: Int = 1 << 20, waitLimit: Int = 2048,
        streamLimit: Int = 256
    ) {
        self.connectionLimit = connectionLimit
        self.idleTimeoutSeconds = idleTimeoutSeconds
        self.memoryPerConnection = memoryPerConnection
        self.bodyLimit = bodyLimit
        self.waitLimit = waitLimit
        self.streamLimit = streamLimit
    }

    /// Smaller limits if the process may have few descriptors open: connections must not take the
    /// descriptors that a delete needs, and a new connection must be accepted.
    package func fitting(descriptors: Int) -> HTTPServerSettings {
        var fitting = self
        fitting.connectionLimit = min(connectionLimit, max(16, descriptors / 8))
        fitting.waitLimit = min(waitLimit, max(16, descriptors / 8))
        fitting.streamLimit = min(streamLimit, max(8, descriptors / 16))
        return fitting
    }

    /// What libmicrohttpd is told, for beyond it nobody is accepted: all that may be, and some that
    /// have given way and that it has not put away yet (it takes ten newcomers in a turn).
    var hardLimit: Int { connectionLimit + waitLimit + streamLimit + 64 }
}

package enum HTTPServerFailure: Error, Equatable {
    /// libmicrohttpd did not start; its own words are in the log.
    case notStarted
    case refused(call: String, errno: CInt)
}
