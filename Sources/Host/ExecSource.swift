// The output of an exec, as a client reads it.

package import ShimProtocol

/// The next part of an exec's output.
package enum ExecPull: Sendable {
    case output([UInt8])
    case errors([UInt8])
    /// There is nothing now.
    case nothing
    /// There will be no more.
    case end
}

/// Descriptors that go to a shim with a request. Any thread may call it, and no call blocks.
package protocol ExecPassing: AnyObject, Sendable {
    /// The descriptors, until `handedOver`.
    var passed: [CInt] { get }
    /// The shim has its copies, or will never get them.
    func handedOver()
}

/// A client's own connection, which becomes an exec's stream.
package protocol ExecConnection: ExecPassing {
    /// How the client speaks on it.
    var stream: WireStream { get }
}

/// The daemon's end of an exec's stream. Any thread may call it, and no call blocks.
package protocol ExecSource: ExecPassing {
    /// Takes the next part. An exec whose output is not taken waits.
    func pull() -> ExecPull
    /// Nothing more is wanted: the exec ends if it still runs.
    func close()
}
