// The change of a client's connection into a stream of frames (RFC 9110, section 7.8), or of a
// WebSocket's messages (RFC 6455, section 4).

import Bytes
import Documents
import HTTP
import ShimProtocol

extension HTTPRequest {
    /// The protocols to which the client wants to change, in lower case; empty if it does not.
    var upgrades: [String] {
        guard let connection = list("Connection"),
            connection.fields(",").contains(where: { trimmed($0).lowered == "upgrade" }),
            let names = list("Upgrade")
        else { return [] }
        return names.fields(",").map { trimmed($0).lowered }
    }
}

/// The protocol that a client asked for.
struct StreamUpgrade: Sendable {
    let framing: StreamFraming
    private let headers: [(name: String, value: String)]

    /// The subprotocol, in which the half-close has a channel.
    private static let subprotocol = "v5.channel.k8s.io"

    /// `nil` if the client asks for none, or only for protocols that are not known: the request is
    /// then answered as if there was no such header.
    init?(_ call: Call) throws(Problem) {
        let names = call.request.upgrades
        if names.contains("staunch-stream") {
            framing = .frames
            headers = []
        } else if names.contains("websocket") {
            framing = .webSocket
            headers = try StreamUpgrade.handshake(call)
        } else {
            return nil
        }
    }

    /// For a route that has no other answer.
    static func required(_ call: Call) throws(Problem) -> StreamUpgrade {
        if let upgrade = try StreamUpgrade(call) { return upgrade }
        throw call.problem(
            .malformedRequest, "the header Upgrade must be staunch-stream or websocket")
    }

    private static func handshake(
        _ call: Call
    ) throws(Problem) -> [(name: String, value: String)] {
        let request = call.request
        guard request.list("Sec-WebSocket-Version") == "13" else {
            throw call.problem(.malformedRequest, "Sec-WebSocket-Version must be 13")
        }
        guard let key = request.list("Sec-WebSocket-Key").map({ trimmed($0) }), isKey(key) else {
            throw call.problem(.malformedRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
        }
        let offers = request.list("Sec-WebSocket-Protocol")?.fields(",") ?? []
        guard offers.contains(where: { trimmed($0) == subprotocol }) else {
            throw call.problem(
                .malformedRequest, "Sec-WebSocket-Protocol must offer \(subprotocol)")
        }
        var accept: [UInt8] = []
        let digest = sha1(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        appendBase64(digest.span, to: &accept)
        return [
            ("Sec-WebSocket-Accept", String(decoding: accept, as: UTF8.self)),
            ("Sec-WebSocket-Protocol", subprotocol),
        ]
    }

    /// 16 bytes are 22 digits and two signs of padding.
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 24 && bytes[22...].elementsEqual("==".utf8)
            && bytes[..<22].allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    /// Answers 101. Exactly one of the functions is called. `operation` is where the operation that
    /// has the stream is, if there is one.
    func reply(
        operation: String? = nil, input: [UInt8]? = nil,
        begin: @escaping @Sendable (ClientStream) -> Void,
        failed: @escaping @Sendable () -> Void
    ) -> HTTPReply {
        let name = framing == .frames ? "staunch-stream" : "websocket"
        let framing = framing
        return .upgrade(
            HTTPUpgrade(
                to: name, headers: headers + (operation.map { [("Operation-Location", $0)] } ?? []),
                begin: { socket, early in
                    begin(ClientStream(socket, WireStream(framing, early: early), input: input))
                }, failed: failed))
    }
}
