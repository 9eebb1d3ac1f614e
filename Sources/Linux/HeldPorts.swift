// Ports that a process holds, so that no other program gets them.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// Sockets that are bound and never used.
package final class HeldPorts {
    private var sockets: [CInt] = []

    package init() {}

    deinit { release() }

    package var isHeld: Bool { !sockets.isEmpty }

    /// Binds a port of the caller's network namespace. `transport` is a number of IP headers;
    /// `address` has 4 or 16 bytes in network order. EADDRINUSE: another program has the port. If
    /// the kernel lacks the transport or the family, no program can have the port.
    package func hold(
        _ transport: UInt8, _ address: [UInt8], _ port: UInt16
    ) throws(SystemCallFailure) {
        // SAFETY: the address lives for the call.
        let held = fallible("network.hold", .descriptor) {
            unsafe clinux_hold_port(
                CInt(transport), address, CInt(address.count), CInt(port))
        }
        if held < 0, errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT { return }
        let place = IPAddress(bytes: address).map { "\($0) port" } ?? "port"
        sockets.append(try check(held, "bind", "\(place) \(port)"))
    }

    package func release() {
        for socket in sockets { _ = close(socket) }
        sockets = []
    }
}
