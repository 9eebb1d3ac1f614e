// A connection to a port of a pod.

/// What became of the connection.
package enum PortOutcome: Equatable, Sendable {
    case connected
    /// Nothing listens there, or the pod is about to end, with the reason.
    case refused(String)
}

/// A helper that has connected to a port, or tries to. Any thread may call it, and no call blocks.
package protocol PortForward: AnyObject, Sendable {
    /// `nil` as long as the helper tries.
    func outcome() -> PortOutcome?
    /// Gives the helper its client's connection, and the bytes that the client has sent already.
    /// The caller keeps its descriptor, and may close it at once. If the helper has gone, the
    /// client sees the connection's end.
    func give(_ connection: CInt, early: [UInt8])
    /// The helper ends if it has no client.
    func close()
}
