// HTTP/1.1 over a unix socket, byte by byte if a test wants that. Reads block, with a time limit so
// that a test can fail.

import Glibc

struct Reply {
    let status: Int
    /// Names in lower case, in the order of their arrival.
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []

    subscript(header name: String) -> String? {
        headers.first { $0.name == name.lowercased() }?.value
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

final class Wire {
    private let descriptor: Int32
    private var pending: [UInt8] = []

    init(path: String, timeout seconds: Int = 60) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Broken("socket: errno \(errno)") }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        // SAFETY: setsockopt and connect read their arguments only during the call.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = try unixAddress(path)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // From here on `deinit` closes it, even if this initializer fails.
        guard result == 0 else { throw Broken("connect \(path): errno \(errno)") }
    }

    deinit { Glibc.close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)[...]) }

    func send(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { raw in
                unsafe Glibc.send(
                    descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Broken("send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Shuts down the sending side. Replies can still be read.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Whether unread bytes have arrived, or the peer has closed.
    var hasReply: Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // SAFETY: poll reads and writes the one structure only during the call.
        let ready = unsafe poll(&watched, 1, 0)
        return !pending.isEmpty || ready == 1
    }

    /// Returns the next reply, whole; `nil` if the peer closed the connection before its first
    /// byte.
    func receive(method: String = "GET") throws -> Reply? {
        guard var reply = try receiveHead() else { return nil }
        if method == "HEAD" || reply.status == 204 || reply.status == 304 { return reply }
        if reply[header: "transfer-encoding"] == "chunked" {
            while let chunk = try receiveChunk() { reply.body += chunk }
        } else if let length = reply[header: "content-length"].flatMap({ Int($0) }) {
            reply.body = try take(length)
        } else {
            while try fill() {}
            reply.body = pending
            pending = []
        }
        return reply
    }

    func receiveHead() throws -> Reply? {
        var line = try takeLine()
        if line == nil { return nil }
        // 100 Continue comes before the requested reply.
        while line?.hasPrefix("HTTP/1.1 100") == true {
            while try takeLine()?.isEmpty == false {}
            line = try takeLine()
        }
        let words = (line ?? "").split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Broken("no status line: \(line ?? "nothing")")
        }
        var headers: [(name: String, value: String)] = []
        while let field = try takeLine(), !field.isEmpty {
            let parts = field.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw Broken("no header: \(field)") }
            headers.append((parts[0].lowercased(), String(parts[1].drop { $0 == " " })))
        }
        return Reply(status: status, headers: headers)
    }

    /// Returns one chunk of a chunked body; `nil` at its end.
    func receiveChunk() throws -> [UInt8]? {
        guard let line = try takeLine(), let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
            throw Broken("no size of a chunk")
        }
        let bytes = try take(size)
        guard try takeLine()?.isEmpty == true else { throw Broken("a chunk without its end") }
        return size == 0 ? nil : bytes
    }

    private func takeLine() throws -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                var line = pending[..<end]
                pending.removeSubrange(...end)
                if line.last == 13 { line = line.dropLast() }
                return String(decoding: line, as: UTF8.self)
            }
            guard try fill() else {
                if pending.isEmpty { return nil }
                throw Broken("closed within a line")
            }
        }
    }

    func take(_ count: Int) throws -> [UInt8] {
        while pending.count < count {
            guard try fill() else {
                throw Broken("closed after \(pending.count) of \(count) bytes", isCutShort: true)
            }
        }
        defer { pending.removeFirst(count) }
        return Array(pending[..<count])
    }

    /// Returns the next byte; `nil` if the peer has closed. Throws if neither comes in time.
    func takeByte() throws -> UInt8? {
        while pending.isEmpty { guard try fill() else { return nil } }
        return pending.removeFirst()
    }

    /// Reads what is available. Returns `false` if the peer has closed.
    private func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe recv(descriptor, raw.baseAddress, raw.count, 0)
        }
        if count < 0 && errno == ECONNRESET { return false }
        guard count >= 0 else { throw Broken("recv: errno \(errno)") }
        pending += buffer[..<count]
        return count > 0
    }
}

func unixAddress(_ path: String) throws -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < 108 else { throw Broken("too long for a socket: \(path)") }
    // SAFETY: `sun_path` has 108 bytes, and one stays for the NUL that is there already.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { raw in
        unsafe raw.copyBytes(from: bytes)
    }
    return address
}
