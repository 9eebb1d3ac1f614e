//  The limits of a server, and the reasons for which it cannot start.

package struct HTTPServerSettings: Sendable {
    /// Connections at a time that neither wait nor stream. Beyond the limit `ConnectionEvictor`
    /// closes the connections that were silent for longest.
    package var connectionLimit: Int
    /// A connection without traffic for this long is closed. Waits and streams are exempt.
    package var idleTimeoutSeconds: Int
    /// Bytes for a connection's request line, headers and buffers; longer headers are refused.
    package var memoryPerConnection: Int
    /// Bytes of a request's body; more is refused with 413.
    package var bodyLimit: Int
    /// Bytes of all bodies that arrive at a time; a connection that exceeds the limit is cut.
    package var allBodiesLimit = 32 << 20
    /// Requests that wait at a time; further ones are answered at once with the present state.
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

    /// Lowers the limits if the process may open only few descriptors. Connections must not use the
    /// descriptors that a delete needs, and a new connection must still be accepted.
    package func fitting(descriptors: Int) -> HTTPServerSettings {
        var fitting = self
        fitting.connectionLimit = min(connectionLimit, max(16, descriptors / 8))
        fitting.waitLimit = min(waitLimit, max(16, descriptors / 8))
        fitting.streamLimit = min(streamLimit, max(8, descriptors / 16))
        return fitting
    }

    /// The limit for libmicrohttpd, which accepts no connection beyond it. The 64 are for evicted
    /// connections that MHD has not closed yet (MHD accepts ten new connections in a turn).
    var hardLimit: Int { connectionLimit + waitLimit + streamLimit + 64 }
}

package enum HTTPServerFailure: Error, Equatable {
    /// libmicrohttpd did not start; its own message is in the log.
    case notStarted
    case refused(call: String, errno: CInt)
}
