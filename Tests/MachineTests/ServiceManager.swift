// Stands in for the service manager: receives the daemon's notifications, and holds sockets for it.

import Foundation
import Glibc

/// The reading end of NOTIFY_SOCKET.
final class NotifySocket {
    /// The variable's value: a path, or `@` and an abstract name.
    let address: String
    private let descriptor: Int32
    /// Datagrams, in the order of their arrival.
    private(set) var messages: [String] = []

    init(_ address: String) throws {
        self.address = address
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var name = try unixAddress(address)
        var size = MemoryLayout<sockaddr_un>.size
        if address.hasPrefix("@") {
            name.sun_path.0 = 0
            size = MemoryLayout<sa_family_t>.size + address.utf8.count
        }
        guard bound(descriptor, &name, size) else { throw Broken("bind \(address): \(errno)") }
    }

    deinit {
        close(descriptor)
        removeFile(address)
    }

    /// Takes what has arrived. Returns `true` if one of its lines is `line`.
    func has(_ line: String) -> Bool {
        take()
        return messages.contains { $0.split(separator: "\n").contains { $0 == line } }
    }

    func count(_ line: String) -> Int {
        take()
        return messages.count { $0.split(separator: "\n").contains { $0 == line } }
    }

    func forget() {
        take()
        messages = []
    }

    private func take() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            // SAFETY: recv writes at most as many bytes as the buffer has.
            let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

/// A listening socket. It stays open as long as this object lives, even if other processes have it
/// too.
final class HeldListener {
    let descriptor: Int32
    let path: String?

    /// On a unix socket.
    init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var name = try unixAddress(path)
        guard bound(descriptor, &name, MemoryLayout<sockaddr_un>.size), listen(descriptor, 64) == 0
        else { throw Broken("listen \(path): errno \(errno)") }
    }

    /// On this TCP port of 127.0.0.1, or on a free one. It may be bound there without listening.
    init(listening: Bool = true, port: UInt16 = 0) throws {
        path = nil
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Earlier connections on this port are over.
        var one: Int32 = 1
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var name = sockaddr_in()
        name.sin_port = port.bigEndian
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        guard bound(descriptor, &name, MemoryLayout<sockaddr_in>.size),
            !listening || listen(descriptor, 64) == 0
        else { throw Broken("listen: errno \(errno)") }
    }

    deinit {
        close(descriptor)
        removeFile(path)
    }

    /// In the form that activate.py takes.
    var word: String { "\(getpid()):\(descriptor)" }

    var port: UInt16 {
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: getsockname writes at most `size` bytes.
        _ = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: name.sin_port)
    }
}

/// Removes the file, if any: an abstract name has none.
private func removeFile(_ path: String?) {
    guard let path, path.hasPrefix("/") else { return }
    // SAFETY: unlink reads the path only during the call.
    unsafe unlink(path)
}

private func bound<Address>(_ descriptor: Int32, _ address: inout Address, _ size: Int) -> Bool {
    // SAFETY: bind reads `size` bytes of the address, which has as many, only during the call.
    unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, socklen_t(size)) == 0
        }
    }
}

extension Daemon {
    /// Starts the daemon as a service manager does, with the variables and descriptors that
    /// activate.py takes.
    func launch(with words: [String]) {
        let script = Installation.root + "/Tests/Tools/activate.py"
        launcher = ["/usr/bin/env", "python3", script] + words + ["--"]
    }

    /// A socket for the API. It is not in the run directory, because the daemon mounts over that.
    func holdAPI() throws -> HeldListener {
        let held = try HeldListener(path: home + "/api.sock")
        heldAPI = held
        return held
    }

    /// The thread of this name. If no metrics are served, the threads of libmicrohttpd are the
    /// API's.
    func thread(_ name: String) throws -> Int32 {
        let tasks = "/proc/\(pid)/task"
        let found = names(in: tasks).first { text(of: "\(tasks)/\($0)/comm") == name + "\n" }
        guard let number = found.flatMap({ Int32($0) }) else {
            let all = names(in: tasks).map { text(of: "\(tasks)/\($0)/comm") ?? "" }
            throw Broken("no thread \(name) in \(all)")
        }
        return number
    }
}
