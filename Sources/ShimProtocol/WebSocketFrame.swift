// The frames of a WebSocket (RFC 6455, section 5), of which a shim's client is the client.

package enum WebSocketFrame {
    /// Values of section 5.2.
    enum Opcode: UInt8, Sendable {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        var isControl: Bool { rawValue >= 8 }
    }

    /// The longest payload of a control frame, in bytes (section 5.5).
    static let mostOfControl = 125

    /// The first bytes of a whole message from the server, which masks nothing.
    static func header(_ opcode: Opcode, count: Int) -> [UInt8] {
        let first = 0x80 | opcode.rawValue
        if count <= mostOfControl { return [first, UInt8(count)] }
        return count <= 0xffff
            ? [first, 126] + StreamFrame.bigEndian(count, bytes: 2)
            : [first, 127] + StreamFrame.bigEndian(count, bytes: 8)
    }

    package static func pong(_ payload: [UInt8]) -> [UInt8] {
        header(.pong, count: payload.count) + payload
    }

    /// The last frame of the server. `code` has section 7.4.1.
    package static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        let payload =
            StreamFrame.bigEndian(Int(code), bytes: 2) + reason.utf8.prefix(mostOfControl - 2)
        return header(.close, count: payload.count) + payload
    }
}

/// Reads the frames of a client. The payload of a message is passed on as it comes.
struct WebSocketReader: Sendable {
    enum Part {
        /// A part of a message, which may be in many frames.
        case message(ArraySlice<UInt8>, isFirst: Bool, isLast: Bool)
        case ping([UInt8])
        case close
    }

    private var header: [UInt8] = []
    private var opcode = WebSocketFrame.Opcode.binary
    private var isFinal = true
    private var mask: [UInt8] = [0, 0, 0, 0]
    /// The place of the next byte in the mask.
    private var masked = 0
    private var left = 0
    /// Whether a message has begun that has more frames.
    private var isFragmented = false
    private var isFirstPart = true
    private var control: [UInt8] = []
    private var isClosed = false

    /// Nothing can be read after a fault, and nothing is read after the client's close.
    mutating func read(
        _ bytes: ArraySlice<UInt8>, _ body: (Part) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        var place = bytes.startIndex
        while place < bytes.endIndex, !isClosed {
            if left == 0 {
                header.append(bytes[place])
                place += 1
                guard try takeHeader() else { continue }
                if left == 0 { try pass([], body) }
                continue
            }
            let end = min(place + left, bytes.endIndex)
            let part = unmask(bytes[place..<end])
            place = end
            left -= part.count
            try pass(part[...], body)
        }
    }

    private mutating func unmask(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var part = Array(bytes)
        var at = masked
        for index in part.indices {
            part[index] ^= mask[at & 3]
            at &+= 1
        }
        masked = at & 3
        return part
    }

    /// Returns whether the header is whole.
    private mutating func takeHeader() throws(StreamFault) -> Bool {
        guard header.count >= 2 else { return false }
        if header.count == 2 { try check(header[0], header[1]) }
        let short = Int(header[1] & 0x7f)
        let more = short == 127 ? 8 : short == 126 ? 2 : 0
        guard header.count == 2 + more + 4 else { return false }
        let length = header[2..<2 + more].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(StreamFrame.most) else {
            throw StreamFault("a frame of \(length) bytes", code: StreamFault.tooBig)
        }
        left = more == 0 ? short : Int(length)
        mask = Array(header[(2 + more)...])
        masked = 0
        header = []
        return true
    }

    private mutating func check(_ first: UInt8, _ second: UInt8) throws(StreamFault) {
        guard first & 0x70 == 0 else { throw StreamFault("a frame with a reserved bit") }
        guard let found = WebSocketFrame.Opcode(rawValue: first & 0x0f) else {
            throw StreamFault("a frame with opcode \(first & 0x0f)")
        }
        // Section 5.1: a server closes the connection then.
        guard second & 0x80 != 0 else { throw StreamFault("a frame that is not masked") }
        let isLast = first & 0x80 != 0
        if found.isControl {
            guard isLast, second & 0x7f <= WebSocketFrame.mostOfControl else {
                throw StreamFault("a control frame that is too long or fragmented")
            }
        } else {
            guard (found == .continuation) == isFragmented else {
                throw StreamFault("a fragment of no message, or a message in another one")
            }
            if found != .continuation { isFirstPart = true }
            isFragmented = !isLast
        }
        (opcode, isFinal) = (found, isLast)
    }

    private mutating func pass(
        _ part: ArraySlice<UInt8>, _ body: (Part) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        guard opcode.isControl else {
            let isFirst = isFirstPart
            if !part.isEmpty { isFirstPart = false }
            return try body(.message(part, isFirst: isFirst, isLast: isFinal && left == 0))
        }
        control += part
        if left > 0 { return }
        let payload = control
        control = []
        switch opcode {
        case .ping: try body(.ping(payload))
        case .close:
            isClosed = true
            try body(.close)
        case .pong, .continuation, .text, .binary: break
        }
    }
}
