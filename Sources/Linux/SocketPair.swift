// Two connected unix sockets.

import Failpoints
import Glibc
package import Kernel

/// Both are stream sockets, close-on-exec and nonblocking (socketpair(2)).
package struct SocketPair: ~Copyable {
    private let one: OwnedDescriptor
    private let other: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
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
}
