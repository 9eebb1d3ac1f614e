//  Sockets to serve: unix sockets by path, TCP by numeric address, or one that systemd passed.

import Glibc

package enum HTTPListenFailure: Error, Equatable {
    /// A unix socket's path has at most 107 bytes.
    case pathTooLong(limit: Int)
    /// Somebody answers on this path already.
    case inUse
    /// A file that is not a socket stands there; it is left alone.
    case notASocket
    /// Not a numeric IPv4 or IPv6 address.
    case notAnAddress
    case refused(call: String, errno: CInt)
}

/// A listening, non-blocking socket with one owner.
package struct HTTPListener: ~Copyable, Sendable {
    package let number: CInt

    /// Takes over a socket that listens already.
    package init(adopting number: CInt) {
        precondition(number >= 0)
        let flags = fcntl(number, F_GETFL)
        _ = fcntl(number, F_SETFL, flags | O_NONBLOCK)
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        self.number = number
    }

    deinit { close(number) }

    /// Listens on a unix socket. A socket file on which nobody answers is replaced.
    /// - Parameter mode: the permission bits of the socket file, from its first moment on.
    package static func unix(
        path: String, mode: UInt32 = 0o660
    ) throws(HTTPListenFailure) -> HTTPListener {
        try makeUnixListener(path: path, mode: mode)
    }

    /// Listens on a TCP address. `host` is numeric; `localhost` stands for 127.0.0.1, and port 0
    /// for any free one.
    package static func tcp(host: String, port: UInt16) throws(HTTPListenFailure) -> HTTPListener {
        try makeTCPListener(host: host, port: port)
    }

    /// The TCP port that it listens on; nil for other sockets.
    package var port: UInt16? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let family = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
                unsafe getsockname(number, plain, &size) == 0 ? plain.pointee.sa_family : 0
            }
        }
        guard family == AF_INET || family == AF_INET6 else { return nil }
        // The port stands at the same place in both address types.
        return unsafe withUnsafeBytes(of: &address) { raw in
            unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// Gives up the ownership.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }
}
