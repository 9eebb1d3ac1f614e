// Two connected unix sockets, and the ends of connections.

import Failpoints
import Glibc
package import Kernel

/// Both are close-on-exec and nonblocking (socketpair(2)).
package struct SocketPair: ~Copyable {
    private let one: OwnedDescriptor
    private let other: OwnedDescriptor

    /// Stream sockets, or sockets for `PacketSocket`.
    package init(ofPackets: Bool = false) throws(SystemCallFailure) {
        var ends: [CInt] = [-1, -1]
        let kind = ofPackets ? SOCK_SEQPACKET : SOCK_STREAM
        let type = CInt(kind.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let result = fallible("fd.pair", .descriptor) {
            // SAFETY: the array has room for two descriptors.
            unsafe socketpair(AF_UNIX, type, 0, &ends)
        }
        try check(result, "socketpair", "")
        one = OwnedDescriptor(adopting: ends[0])
        other = OwnedDescriptor(adopting: ends[1])
    }

    /// Returns both numbers; the caller owns them from now on.
    package consuming func release() -> (one: CInt, other: CInt) {
        (one.release(), other.release())
    }
}

extension OwnedDescriptor {
    /// Ends the connection of a socket; the descriptor stays open (shutdown(2)).
    package borrowing func shutDown() { _ = shutdown(number, CInt(SHUT_RDWR)) }

    /// Ends what this end sends; the other direction stays open (shutdown(2)).
    package borrowing func finishSending() { _ = shutdown(number, CInt(SHUT_WR)) }

    /// Takes nothing more from the peer, which is told that if it sends (shutdown(2)).
    package borrowing func stopReceiving() { _ = shutdown(number, CInt(SHUT_RD)) }
}
