// A connection to a TCP port of a loopback address, which never blocks.

import CLinux
import Failpoints
import Glibc
package import Kernel

package struct LoopbackConnection: ~Copyable {
    package let socket: OwnedDescriptor
    private let address: IPAddress
    private let port: UInt16

    /// Begins to connect in the caller's network namespace. Throws if the kernel refuses at once.
    /// `isReset`: the close loses what the peer has not taken, and leaves nothing in TIME_WAIT.
    package init(
        to port: UInt16, of address: IPAddress = .loopback4, isReset: Bool
    ) throws(SystemCallFailure) {
        let bytes = address.bytes
        // SAFETY: the bytes live for the call.
        let number = fallible("loopback.connect", .descriptor) {
            unsafe clinux_connect_port(bytes, CInt(bytes.count), CInt(port), isReset ? 1 : 0)
        }
        socket = OwnedDescriptor(
            adopting: try check(number, "connect", LoopbackConnection.place(address, port)))
        self.address = address
        self.port = port
    }

    /// Whether the connection is made. Throws if it failed. As long as the result is `false`, the
    /// socket turns writable when there is something to tell.
    package borrowing func isMade() throws(SystemCallFailure) -> Bool {
        let bytes = address.bytes
        // SAFETY: the bytes live for the call.
        let error = unsafe clinux_connection_error(
            socket.number, bytes, CInt(bytes.count), CInt(port))
        if error == EINPROGRESS { return false }
        guard error != 0 else { return true }
        throw failure(error)
    }

    /// Waits until the connection is made; blocks the calling thread.
    package borrowing func waitUntilMade(milliseconds: CInt) throws(SystemCallFailure) {
        var entry = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one structure, as the count says.
        _ = unsafe poll(&entry, 1, milliseconds)
        guard try isMade() else { throw failure(ETIMEDOUT) }
    }

    /// Returns the socket, which the caller owns from now on.
    package consuming func intoSocket() -> OwnedDescriptor { socket }

    private func failure(_ error: CInt) -> SystemCallFailure {
        SystemCallFailure(
            call: "connect", subject: LoopbackConnection.place(address, port), errno: error)
    }

    private static func place(_ address: IPAddress, _ port: UInt16) -> String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
