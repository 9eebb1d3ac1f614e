//  Listening sockets: unix sockets by path, TCP by numeric address, or a socket passed by systemd.

import Glibc

package enum HTTPListenFailure: Error, Equatable {
    /// A unix socket's path has at most 107 bytes.
    case pathTooLong(limit: Int)
    /// Another process already answers on this path.
    case inUse
    /// The path is a file that is not a socket; the file is left alone.
    case notASocket
    /// Not a numeric IPv4 or IPv6 address.
    case notAnAddress
    case refused(call: String, errno: CInt)
}

/// A listening, non-blocking socket with one owner.
package struct HTTPListener: ~Copyable, Sendable {
    package let number: CInt

    /// Takes over a socket that already listens.
    package init(adopting number: CInt) {
        precondition(number >= 0)
        let flags = fcntl(number, F_GETFL)
        _ = fcntl(number, F_SETFL, flags | O_NONBLOCK)
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        self.number = number
    }

    deinit { close(number) }

    /// Listens on a unix socket. A socket file on which no process answers is replaced.
    /// - Parameter mode: the permission bits of the socket file, from its first moment on.
    package static func unix(
        path: String, mode: UInt32 = 0o660
    ) throws(HTTPListenFailure) -> HTTPListener {
        try makeUnixListener(path: path, mode: mode)
    }

    /// Listens on a TCP address. `host` is numeric; `localhost` means 127.0.0.1, and port 0 means
    /// any free port.
    package static func tcp(host: String, port: UInt16) throws(HTTPListenFailure) -> HTTPListener {
        try makeTCPListener(host: host, port: port)
    }

    /// The TCP port of the socket; `nil` for other kinds of sockets.
    package var port: UInt16? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let family = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
                unsafe getsockname(number, plain, &size) == 0 ? plain.pointee.sa_family : 0
            }
        }
        guard family == AF_INET || family == AF_INET6 else { return nil }
        // The port is at the same offset in both address types.
        return unsafe withUnsafeBytes(of: &address) { raw in
            unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// Gives up the ownership of the descriptor and returns it.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }
}
