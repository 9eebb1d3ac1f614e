// The messages of a client on a stream, in either framing.

package import Kernel

/// The form in which channels share a connection.
package enum StreamFraming: UInt8, Sendable, CaseIterable {
    /// `staunch-stream`: the frames of `StreamFrame`.
    case frames = 0
    /// The messages of v5.channel.k8s.io: the channel, and the payload.
    case webSocket = 1

    /// The most bytes of a header.
    package static let mostOfHeader = 16

    /// The bytes before a payload of `count` bytes.
    package func header(_ channel: StreamFrame.Channel, count: Int) -> [UInt8] {
        switch self {
        case .frames: StreamFrame.header(channel, count: count)
        case .webSocket: WebSocketFrame.header(.binary, count: count + 1) + [channel.rawValue]
        }
    }

    package func frame(
        _ channel: StreamFrame.Channel, _ payload: ArraySlice<UInt8>
    ) -> [UInt8] { header(channel, count: payload.count) + payload }

    /// The last bytes of a stream whose status was sent.
    package var ending: [UInt8] {
        switch self {
        case .frames: []
        case .webSocket: WebSocketFrame.close(1000)
        }
    }
}

extension TerminalSize {
    /// Reads `{"columns": 120, "rows": 40}`, or Kubernetes' `{"Width": 120, "Height": 40}`; `nil`
    /// if it is something else. Only whole numbers of at most 65,535 are read.
    package init?(json: [UInt8]) {
        var scan = SizeScan(rest: json[...])
        guard let found = scan.size() else { return nil }
        self = found
    }
}

private struct SizeScan {
    var rest: ArraySlice<UInt8>

    private static func isSpace(_ byte: UInt8) -> Bool { [32, 9, 10, 13].contains(byte) }

    private mutating func take(_ byte: UInt8) -> Bool {
        rest = rest.drop { SizeScan.isSpace($0) }
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func name() -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        guard take(quote), let end = rest.firstIndex(of: quote) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end].map { $0 | 0x20 }
    }

    private mutating func number() -> UInt16? {
        rest = rest.drop { SizeScan.isSpace($0) }
        let digits = rest.prefix { (48...57).contains($0) }
        guard (1...5).contains(digits.count) else { return nil }
        rest = rest[digits.endIndex...]
        return UInt16(exactly: digits.reduce(0) { $0 * 10 + Int($1 - 48) })
    }

    mutating func size() -> TerminalSize? {
        var (columns, rows): (UInt16?, UInt16?)
        guard take(UInt8(ascii: "{")) else { return nil }
        repeat {
            guard let name = name(), take(UInt8(ascii: ":")), let number = number() else {
                return nil
            }
            switch name {
            case Array("columns".utf8), Array("width".utf8): columns = number
            case Array("rows".utf8), Array("height".utf8): rows = number
            default: return nil
            }
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")), rest.allSatisfy(SizeScan.isSpace), let columns, let rows
        else { return nil }
        return TerminalSize(columns: columns, rows: rows)
    }
}

/// One thing that a client says.
package enum StreamInput: Equatable, Sendable {
    /// Bytes for the standard input, at least one.
    case bytes(ArraySlice<UInt8>)
    /// There is no more input.
    case end
    case size(TerminalSize)
    /// The bytes of a WebSocket's ping, which `WebSocketFrame.pong` answers.
    case ping([UInt8])
    /// The client has closed its WebSocket.
    case closed
}

/// Reads the stream of a client. Only the payloads of the small channels are kept until they are
/// whole.
package struct StreamReader: Sendable {
    private let framing: StreamFraming
    private var frames = StreamFrameReader()
    private var socket = WebSocketReader()
    /// The channel of the message; `nil` before its first byte.
    private var channel: StreamFrame.Channel?
    private var held: [UInt8] = []

    /// The longest payload of a channel other than the input, in bytes.
    private static let most = 256

    package init(_ framing: StreamFraming) { self.framing = framing }

    /// Nothing can be read after a fault, and nothing is read after `closed`.
    package mutating func read(
        _ bytes: ArraySlice<UInt8>, _ body: (StreamInput) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        switch framing {
        case .frames:
            var reader = frames
            try reader.read(bytes) { (channel, part, isLast) throws(StreamFault) in
                try accept(channel, part, isLast: isLast, body)
            }
            frames = reader
        case .webSocket:
            var reader = socket
            try reader.read(bytes) { (part) throws(StreamFault) in
                switch part {
                case .message(let part, let isFirst, let isLast):
                    try accept(message: part, isFirst: isFirst, isLast: isLast, body)
                case .ping(let payload): try body(.ping(payload))
                case .close: try body(.closed)
                }
            }
            socket = reader
        }
    }

    private mutating func accept(
        message part: ArraySlice<UInt8>, isFirst: Bool, isLast: Bool,
        _ body: (StreamInput) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        var part = part
        if isFirst {
            // Kubernetes' clients send empty messages too.
            guard let first = part.popFirst() else { return channel = nil }
            channel = StreamFrame.Channel(rawValue: first)
            guard channel != nil else { throw StreamFault("a message for channel \(first)") }
        }
        guard let channel else { return }
        try accept(channel, part, isLast: isLast, body)
    }

    private mutating func accept(
        _ channel: StreamFrame.Channel, _ part: ArraySlice<UInt8>, isLast: Bool,
        _ body: (StreamInput) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        switch channel {
        case .input: if !part.isEmpty { try body(.bytes(part)) }
        case .output, .errors, .status:
            throw StreamFault("a frame for channel \(channel.rawValue), which is the server's")
        case .resize, .close:
            held += part
            guard held.count <= StreamReader.most else {
                throw StreamFault("a frame of too many bytes for channel \(channel.rawValue)")
            }
            guard isLast else { return }
            let payload = held
            held = []
            try body(try input(channel, payload))
        }
    }

    private func input(
        _ channel: StreamFrame.Channel, _ payload: [UInt8]
    ) throws(StreamFault) -> StreamInput {
        if channel == .resize {
            guard let size = TerminalSize(json: payload) else {
                throw StreamFault("a size of a terminal that cannot be read")
            }
            return .size(size)
        }
        guard payload == [StreamFrame.Channel.input.rawValue] else {
            throw StreamFault("a half-close of a channel that is not the client's")
        }
        return .end
    }
}
