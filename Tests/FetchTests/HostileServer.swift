// An HTTP server on loopback that can do everything that a server must not.

import Foundation
import Synchronization

struct ReceivedRequest: Sendable {
    let method: String
    /// As sent: a path with its query, or a whole URL if the server is a proxy.
    let target: String
    /// Names in lower case.
    let headers: [String: String]
    let body: String

    var path: String { String(target.prefix { $0 != "?" }) }

    /// The first byte that is asked for.
    var rangeStart: Int? {
        headers["range"].flatMap { $0.firstMatch(of: /^bytes=(\d+)-$/)?.output.1 }
            .flatMap { Int($0) }
    }
}

/// A step of an answer. The connection is closed after the last one.
enum Act: Sendable {
    case send([UInt8])
    /// Sends slowly: so many bytes, a pause of so many milliseconds, and so on.
    case trickle([UInt8], piece: Int, pause: UInt32)
    /// Keeps the connection open without a byte until the server ends.
    case hang
    /// Closes without the rest, and the client sees a reset.
    case reset

    static func reply(
        _ status: Int = 200, _ headers: [(String, String)] = [], _ body: [UInt8] = []
    ) -> [Act] {
        [.send(head(status, headers + [("Content-Length", "\(body.count)")])), .send(body)]
    }

    static func head(_ status: Int, _ headers: [(String, String)]) -> [UInt8] {
        let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        return Array("HTTP/1.1 \(status) X\r\nConnection: close\r\n\(lines)\r\n".utf8)
    }
}

final class HostileServer: Sendable {
    typealias Handler = @Sendable (ReceivedRequest) -> [Act]

    let port: UInt16
    private let listener: CInt
    private let handler: Handler
    private let seen = Mutex<[ReceivedRequest]>([])
    private let open = Mutex<Set<CInt>>([])
    private let isEnding = Atomic(false)
    private let sent = Atomic(0)

    var authority: String { "127.0.0.1:\(port)" }
    var requests: [ReceivedRequest] { seen.withLock { $0 } }
    /// Bytes that clients were willing to take.
    var bytesSent: Int { sent.load(ordering: .relaxed) }

    init(_ handler: @escaping Handler) throws {
        self.handler = handler
        (listener, port) = try listenOnLoopback()
        Thread.detachNewThread { self.accept() }
    }

    func end() {
        isEnding.store(true, ordering: .relaxed)
        shutdown(listener, Int32(SHUT_RDWR))
        open.withLock { open in for number in open { shutdown(number, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        while true {
            let number = Glibc.accept(listener, nil, nil)
            if number < 0 { break }
            open.withLock { _ = $0.insert(number) }
            Thread.detachNewThread { self.serve(number) }
        }
        close(listener)
    }

    private func serve(_ number: CInt) {
        if let request = receive(number) {
            seen.withLock { $0.append(request) }
            for act in handler(request) { guard perform(act, on: number) else { break } }
        }
        open.withLock { _ = $0.remove(number) }
        close(number)
    }

    private func receive(_ number: CInt) -> ReceivedRequest? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while true {
            guard let more = receiveSome(number) else { return nil }
            bytes += more
            let text = String(decoding: bytes, as: UTF8.self)
            guard let blank = bytes.firstRange(of: end) else { continue }
            let lines = text.components(separatedBy: "\r\n")
            let words = lines[0].components(separatedBy: " ")
            var headers: [String: String] = [:]
            for line in lines.dropFirst().prefix(while: { !$0.isEmpty }) {
                let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
                headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
            }
            let length = headers["content-length"].flatMap { Int($0) } ?? 0
            while bytes.count < blank.upperBound + length, let more = receiveSome(number) {
                bytes += more
            }
            return ReceivedRequest(
                method: words[0], target: words[1], headers: headers,
                body: String(decoding: bytes[blank.upperBound...], as: UTF8.self))
        }
    }

    private func perform(_ act: Act, on number: CInt) -> Bool {
        switch act {
        case .send(let bytes): return send(bytes, on: number)
        case .trickle(let bytes, let piece, let pause):
            for start in stride(from: 0, to: bytes.count, by: piece) {
                let part = Array(bytes[start..<min(start + piece, bytes.count)])
                guard send(part, on: number) else { return false }
                usleep(pause * 1000)
            }
            return true
        case .hang:
            // The client's end, or ours by `end`.
            while !isEnding.load(ordering: .relaxed), receiveSome(number) != nil {}
            return false
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(
                number, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            return false
        }
    }

    private func send(_ bytes: [UInt8], on number: CInt) -> Bool {
        guard sendAll(bytes, on: number) else { return false }
        sent.add(bytes.count, ordering: .relaxed)
        return true
    }
}

func listenOnLoopback() throws -> (CInt, UInt16) {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
            unsafe bind(number, plain, size) == 0 && listen(number, 64) == 0
                && getsockname(number, plain, &size) == 0
        }
    }
    guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    return (number, UInt16(bigEndian: address.sin_port))
}

func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

/// `nil` at the end.
func receiveSome(_ number: CInt) -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: 65536)
    let count = unsafe recv(number, &piece, piece.count, 0)
    return count > 0 ? Array(piece[..<count]) : nil
}

func sendAll(_ bytes: [UInt8], on number: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { raw in
            unsafe Glibc.send(number, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}
