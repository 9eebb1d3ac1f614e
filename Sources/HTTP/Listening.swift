//  The system calls that make a listening socket.

import Glibc

func makeUnixListener(path: String, mode: UInt32) throws(HTTPListenFailure) -> HTTPListener {
    let address = try unixAddress(path)
    let listener = try openSocket(AF_UNIX)
    try removeStaleSocket(path, address)
    // `bind` gives the file the mode of the socket, less the umask. So at no moment can more users
    // connect than `mode` allows. The chmod adds the bits that the umask removed.
    guard fchmod(listener.number, mode) == 0 else { throw failure("fchmod") }
    try bindAndListen(listener.number, address)
    guard unsafe chmod(path, mode) == 0 else { throw failure("chmod") }
    return listener
}

func makeTCPListener(host: String, port: UInt16) throws(HTTPListenFailure) -> HTTPListener {
    let host = host == "localhost" ? "127.0.0.1" : host
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    var six = sockaddr_in6()
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    let address: [UInt8]
    if unsafe inet_pton(AF_INET, host, &four.sin_addr) == 1 {
        address = unsafe withUnsafeBytes(of: &four) { unsafe [UInt8]($0) }
    } else if unsafe inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
        address = unsafe withUnsafeBytes(of: &six) { unsafe [UInt8]($0) }
    } else {
        throw .notAnAddress
    }
    let isFour = address.count == MemoryLayout<sockaddr_in>.size
    let listener = try openSocket(isFour ? AF_INET : AF_INET6)
    var one: CInt = 1
    _ = unsafe setsockopt(listener.number, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    try bindAndListen(listener.number, address)
    return listener
}

private func openSocket(_ family: CInt) throws(HTTPListenFailure) -> HTTPListener {
    let kind = CInt(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK
    let number = socket(family, kind, 0)
    guard number >= 0 else { throw failure("socket") }
    return HTTPListener(adopting: number)
}

private func unixAddress(_ path: String) throws(HTTPListenFailure) -> [UInt8] {
    var address = sockaddr_un()
    let limit = MemoryLayout.size(ofValue: address.sun_path) - 1
    let bytes = Array(path.utf8)
    guard bytes.count <= limit else { throw .pathTooLong(limit: limit) }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    return unsafe withUnsafeBytes(of: &address) { unsafe [UInt8]($0) }
}

/// Removes a socket file on which no process listens any more.
private func removeStaleSocket(_ path: String, _ address: [UInt8]) throws(HTTPListenFailure) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else {
        if errno == ENOENT { return }
        throw failure("lstat")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket }
    let probe = try openSocket(AF_UNIX)
    if unsafe withAddress(address, { unsafe connect(probe.number, $0, $1) }) == 0 { throw .inUse }
    // EAGAIN: a process listens, but its backlog is full.
    guard errno == ECONNREFUSED else {
        if errno == EAGAIN { throw .inUse }
        throw failure("connect")
    }
    guard unsafe unlink(path) == 0 else { throw failure("unlink") }
}

private func bindAndListen(_ number: CInt, _ address: [UInt8]) throws(HTTPListenFailure) {
    guard unsafe withAddress(address, { unsafe bind(number, $0, $1) }) == 0 else {
        if errno == EADDRINUSE { throw .inUse }
        throw failure("bind")
    }
    guard listen(number, SOMAXCONN) == 0 else { throw failure("listen") }
}

private func withAddress(
    _ address: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
) -> CInt {
    unsafe address.withUnsafeBytes { raw in
        // SAFETY: the bytes of a sockaddr_un, sockaddr_in or sockaddr_in6, never empty.
        guard let start = raw.baseAddress else { return -1 }
        return unsafe body(start.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
}

private func failure(_ call: String) -> HTTPListenFailure { .refused(call: call, errno: errno) }
