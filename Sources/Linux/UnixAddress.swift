// Unix sockets by their address (unix(7)), and the kind of a socket that was passed to us.

import Bytes
import CLinux
import Glibc
package import Kernel

/// A path, or `@` and a name in the abstract namespace.
package struct UnixAddress: Equatable, Sendable {
    package let text: String

    /// `nil` if it is neither, such as the vsock address of a virtual machine's manager.
    package init?(_ text: String) {
        guard text.begins(with: "/") || text.begins(with: "@"), text.utf8.count > 1 else {
            return nil
        }
        self.text = text
    }

    /// Sends the whole datagram or nothing; throws EAGAIN if its receiver has no room.
    package func send(_ datagram: [UInt8]) throws(SystemCallFailure) {
        // SAFETY: the C string and the array's storage live for the call.
        try checkRetrying("sendto", text) {
            unsafe clinux_send_datagram(text, datagram, datagram.count)
        }
    }

    /// Connects a nonblocking stream; throws EAGAIN if the listener's backlog is full.
    package func connect() throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: the C string lives for the call.
        OwnedDescriptor(adopting: try check(unsafe clinux_connect_stream(text), "connect", text))
    }
}

/// A listening stream socket, such as a service manager passes.
package enum ListeningSocket: Equatable, Sendable {
    /// `nil`: it has no address.
    case unix(UnixAddress?)
    case tcp

    /// `nil` if the descriptor is anything else, or not open.
    package init?(_ number: CInt) {
        switch clinux_listening_family(number) {
        case CInt(CLINUX_AF_UNIX): self = .unix(ListeningSocket.address(of: number))
        case CInt(CLINUX_AF_INET), CInt(CLINUX_AF_INET6): self = .tcp
        case _: return nil
        }
    }

    private static func address(of number: CInt) -> UnixAddress? {
        var text = [CChar](repeating: 0, count: 110)
        // SAFETY: the function writes 110 bytes at most.
        guard unsafe clinux_unix_address(number, &text) > 0 else { return nil }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return UnixAddress(String(decoding: bytes, as: UTF8.self))
    }
}
