// Connected unix sockets.

import CLinux
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

extension PacketSocket {
    /// Listens for stream connections as `name` in `directory`; replaces an existing socket file.
    /// Of what a connection sends, `receiveWithDescriptors` returns one byte and its descriptors.
    package static func listeningForStream(
        as name: String, in directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> PacketSocket {
        // SAFETY: the C string lives for the call.
        let number = effect("socket.listen", [.storage, .descriptor]) {
            unsafe clinux_listen_stream(directory.number, name, 1)
        }
        return PacketSocket(
            adopting: OwnedDescriptor(adopting: try check(number, "bind", name)))
    }
}

extension OwnedDescriptor {
    /// Ends the connection of a socket; the descriptor stays open (shutdown(2)).
    package borrowing func shutDown() { _ = shutdown(number, CInt(SHUT_RDWR)) }
}
