// A connection to a TCP port of the loopback address 127.0.0.1, which never blocks.

import CLinux
import Failpoints
import Glibc
package import Kernel

package struct LoopbackConnection: ~Copyable {
    package let socket: OwnedDescriptor
    private let port: UInt16

    /// Begins to connect in the caller's network namespace. Throws if the kernel refuses at once.
    package init(to port: UInt16) throws(SystemCallFailure) {
        let number = fallible("health.connect", .descriptor) {
            clinux_connect_loopback(CInt(port))
        }
        socket = OwnedDescriptor(
            adopting: try check(number, "connect", LoopbackConnection.place(port)))
        self.port = port
    }

    /// Whether the connection is made. Throws if it failed. As long as the result is `false`, the
    /// socket turns writable when there is something to tell.
    package borrowing func isMade() throws(SystemCallFailure) -> Bool {
        let error = clinux_connection_error(socket.number, CInt(port))
        if error == EINPROGRESS { return false }
        guard error != 0 else { return true }
        throw SystemCallFailure(
            call: "connect", subject: LoopbackConnection.place(port), errno: error)
    }

    private static func place(_ port: UInt16) -> String { "127.0.0.1:\(port)" }
}
