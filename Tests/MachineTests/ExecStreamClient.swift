// The client of an exec's stream, in either framing.

import Glibc
import JSON

enum Framing: String, CaseIterable, CustomStringConvertible {
    case frames = "staunch-stream"
    case webSocket = "websocket"

    var description: String { rawValue }

    var headers: String {
        let upgrade = "Connection: Upgrade\r\nUpgrade: \(rawValue)\r\n"
        if self == .frames { return upgrade }
        return upgrade + "Sec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + "Sec-WebSocket-Protocol: v4.channel.k8s.io, v5.channel.k8s.io\r\n"
    }
}

/// The request was answered, but not with the upgrade.
struct NotUpgraded: Error, CustomStringConvertible {
    let status: Int
    let description: String
}

final class ExecClient {
    let wire: Wire
    let framing: Framing
    let head: Reply
    /// All payloads so far, by channel.
    private(set) var heard: [UInt8: [UInt8]] = [:]

    /// Sends the request, and `early` behind it. `body` is `nil` for an attach.
    init(
        _ socket: String, _ path: String, _ framing: Framing, _ body: String?,
        id: String? = nil, early: [UInt8] = []
    ) throws {
        wire = try Wire(path: socket)
        self.framing = framing
        var text = "\(body == nil ? "GET" : "POST") \(path) HTTP/1.1\r\nHost: localhost\r\n"
        text += framing.headers
        if let id { text += "Operation-Id: \(id)\r\n" }
        if let body {
            text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        }
        try wire.send((Array((text + "\r\n" + (body ?? "")).utf8) + early)[...])
        guard let head = try wire.receiveHead() else { throw Broken("no answer") }
        self.head = head
        guard head.status == 101 else {
            let size = head[header: "content-length"].flatMap { Int($0) } ?? 0
            let text = String(decoding: try wire.take(size), as: UTF8.self)
            throw NotUpgraded(status: head.status, description: "\(head.status): \(text)")
        }
    }

    /// The operation's id.
    var id: String {
        (head[header: "operation-location"] ?? "").split(separator: "/").last.map(String.init) ?? ""
    }

    static func frame(_ framing: Framing, _ channel: UInt8, _ payload: [UInt8]) -> [UInt8] {
        switch framing {
        case .frames:
            let count = UInt32(payload.count)
            return [channel, 0, 0, 0] + (0..<4).map { UInt8(count >> (24 - 8 * $0) & 255) }
                + payload
        case .webSocket: return webSocket(0x82, [channel] + payload)
        }
    }

    /// A masked frame of a WebSocket.
    static func webSocket(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        let count = payload.count
        let length: [UInt8] =
            count < 126 ? [UInt8(count)] : [126, UInt8(count >> 8), UInt8(count & 255)]
        return [first, length[0] | 0x80] + length.dropFirst() + mask
            + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    func send(_ channel: UInt8, _ text: String) throws {
        try wire.send(ExecClient.frame(framing, channel, Array(text.utf8))[...])
    }

    func type(_ text: String) throws { try send(0, text) }
    func endInput() throws { try wire.send(ExecClient.frame(framing, 255, [0])[...]) }

    /// Reads the next frame; `nil` at the end, or after a close of a WebSocket.
    @discardableResult func receive() throws -> (channel: UInt8, payload: [UInt8])? {
        guard let found = try next() else { return nil }
        heard[found.channel, default: []] += found.payload
        return found
    }

    private func next() throws -> (channel: UInt8, payload: [UInt8])? {
        guard let first = try wire.takeByte() else { return nil }
        if framing == .frames {
            let header = try wire.take(7)
            return (first, try wire.take(header[3...].reduce(0) { $0 << 8 | Int($1) }))
        }
        let short = Int(try wire.take(1)[0])
        let more = short == 127 ? 8 : short == 126 ? 2 : 0
        let count = more == 0 ? short : try wire.take(more).reduce(0) { $0 << 8 | Int($1) }
        let payload = try wire.take(count)
        switch first {
        case 0x82: return (payload[0], Array(payload.dropFirst()))
        case 0x88: return nil
        case 0x8a: return (200, payload)
        default: throw Broken("a frame that begins with \(first)")
        }
    }

    func text(_ channel: UInt8) -> String {
        String(decoding: heard[channel] ?? [], as: UTF8.self)
    }

    /// Reads until the channel has had this text.
    func read(_ channel: UInt8 = 1, until text: String) throws {
        while !self.text(channel).contains(text) {
            guard try receive() != nil else { throw Broken("ended: \(heard.mapValues(\.count))") }
        }
    }

    /// Reads to the end, and returns the status.
    func status() throws -> JSONValue {
        while try receive() != nil {}
        return try JSONValue.parse(heard[3] ?? [])
    }

    /// Reads to the end, and returns the exit code in the status, in either framing.
    func exitCode() throws -> Int64? { code(in: try status()) }

    func code(in status: JSONValue) -> Int64? {
        if framing == .frames { return status["exitCode"]?.integer }
        if status["status"] == .string("Success") { return 0 }
        let cause = status["details"]?["causes"]?.elements?.first
        return cause?["message"]?.string.flatMap { Int64($0) }
    }
}
