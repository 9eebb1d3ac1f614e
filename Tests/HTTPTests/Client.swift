// A client that sends exactly the given bytes.

import Glibc

struct Answer {
    var status: Int
    var headers: [String: String]
    var body: String
}

/// A blocking unix socket. Each call waits at most ten seconds.
final class Client {
    private var number: CInt
    private var buffer: [UInt8] = []

    init(_ path: String) {
        number = Client.socket(AF_UNIX)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: Array(path.utf8))
        }
        unsafe withUnsafePointer(to: &address) { unsafe join($0) }
    }

    /// TCP, on 127.0.0.1.
    init(port: UInt16) {
        number = Client.socket(AF_INET)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        unsafe withUnsafePointer(to: &address) { unsafe join($0) }
    }

    private static func socket(_ family: CInt) -> CInt {
        let number = Glibc.socket(family, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        return number
    }

    private func join<Address>(_ address: UnsafePointer<Address>) {
        _ = unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
            unsafe connect(number, plain, socklen_t(MemoryLayout<Address>.size))
        }
    }

    deinit { hangUp() }

    func hangUp() {
        if number >= 0 { close(number) }
        number = -1
    }

    func finishSending() { shutdown(number, CInt(SHUT_WR)) }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            let count = unsafe Glibc.send(number, rest, rest.count, CInt(MSG_NOSIGNAL))
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Reads more. Returns `false` at the end, or after ten seconds.
    private func more() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = unsafe recv(number, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer += piece[..<count]
        return true
    }

    /// Returns everything until the server closes.
    func readToEnd() -> String {
        while more() {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// Returns `true` if the server closes without another byte.
    func sawEnd() -> Bool { buffer.isEmpty && !more() && errno != EAGAIN }

    func readLine() -> String? {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line.last == "\r" || line.last == "\r\n" ? String(line.dropLast()) : line
            }
            guard more() else { return nil }
        }
    }

    func readHead() -> Answer? {
        guard let first = readLine() else { return nil }
        let words = first.split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { return nil }
        var answer = Answer(status: status, headers: [:], body: "")
        while let line = readLine(), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let name = line[..<colon].lowercased()
            answer.headers[name] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return answer
    }

    func read(bodyless: Bool = false) -> Answer? {
        guard var answer = readHead() else { return nil }
        let length = bodyless ? 0 : Int(answer.headers["content-length"] ?? "0") ?? 0
        while buffer.count < length { guard more() else { return nil } }
        answer.body = String(decoding: buffer[..<length], as: UTF8.self)
        buffer.removeFirst(length)
        return answer
    }

    func get(_ target: String) -> Answer? {
        send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
        return read()
    }

    /// Returns the next chunk of a chunked body; empty at its end.
    func readChunk() -> String? {
        guard let line = readLine(), let size = Int(line, radix: 16) else { return nil }
        while buffer.count < size + 2 { guard more() else { return nil } }
        defer { buffer.removeFirst(size + 2) }
        return String(decoding: buffer[..<size], as: UTF8.self)
    }
}
