// A TCP connection that is being made.

import CLinux
import Failpoints
import Glibc
package import Kernel

extension OwnedDescriptor {
    /// Begins to connect to a port, from the caller's network namespace. The socket is nonblocking,
    /// and writable when `connectionError` tells the outcome.
    package static func connecting(
        to address: IPAddress, _ port: UInt16
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let bytes = address.bytes
        // SAFETY: the bytes live for the call.
        let made = fallible("socket.dial", .descriptor) {
            unsafe clinux_connect_port(bytes, CInt(bytes.count), CInt(port))
        }
        return OwnedDescriptor(adopting: try check(made, "connect", "\(address) port \(port)"))
    }

    /// Why the connection was not made, as an error number; 0 if it was.
    package borrowing func connectionError() -> CInt { clinux_socket_error(number) }

    /// Waits until the descriptor is writable, or has failed. Returns `false` after the time.
    package borrowing func waitUntilWritable(milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one structure, as the count says.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    /// Ends what this end sends; the other direction stays open (shutdown(2)).
    package borrowing func finishSending() { _ = shutdown(number, CInt(SHUT_WR)) }

    /// Takes nothing more from the peer, which is told that if it sends (shutdown(2)).
    package borrowing func stopReceiving() { _ = shutdown(number, CInt(SHUT_RD)) }
}
