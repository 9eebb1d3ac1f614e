// The frames of an exec's stream: `channel, 0, 0, 0, length` (big endian), and the payload. For the
// channels 1 and 2 that is Docker's header, so its demultiplexers read them.

package enum StreamFrame {
    package static let headerSize = 8
    /// The longest payload, in bytes.
    package static let most = 1 << 20

    /// The channels of v5.channel.k8s.io, which has the half-close as its own.
    package enum Channel: UInt8, Sendable {
        case input = 0
        case output = 1
        case errors = 2
        /// How the exec ended, in JSON. It is the last one.
        case status = 3
        /// The size of the terminal, in JSON.
        case resize = 4
        /// Half-closes the channel that is the one byte of its payload.
        case close = 255
    }

    package static func frame(_ channel: Channel, _ payload: ArraySlice<UInt8>) -> [UInt8] {
        header(channel, count: payload.count) + payload
    }

    static func header(_ channel: Channel, count: Int) -> [UInt8] {
        [channel.rawValue, 0, 0, 0] + bigEndian(count, bytes: 4)
    }

    static func bigEndian(_ number: Int, bytes count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * (count - 1 - $0))) }
    }
}

/// Why a stream cannot be read any further.
package struct StreamFault: Error, Equatable, Sendable {
    package let detail: String
    /// The status code for a WebSocket's peer (RFC 6455, section 7.4.1).
    package let code: UInt16

    package init(_ detail: String, code: UInt16 = StreamFault.protocolError) {
        self.detail = detail
        self.code = code
    }

    package static let protocolError: UInt16 = 1002
    static let tooBig: UInt16 = 1009
}

/// Cuts a stream of bytes into frames. A payload is passed on as it comes, and never kept.
package struct StreamFrameReader: Sendable {
    private var header: [UInt8] = []
    private var channel = StreamFrame.Channel.input
    private var left = 0

    package init() {}

    /// Whether the bytes so far end with a whole frame.
    package var isBetweenFrames: Bool { header.isEmpty && left == 0 }

    /// Calls `body` with the parts of payloads in `bytes`, and with whether the part is its frame's
    /// last one; only that one may be empty. Throws if a frame is too long, or for no channel;
    /// nothing can be read after that.
    package mutating func read(
        _ bytes: ArraySlice<UInt8>,
        _ body: (StreamFrame.Channel, ArraySlice<UInt8>, _ isLast: Bool) throws(StreamFault) -> Void
    ) throws(StreamFault) {
        var place = bytes.startIndex
        while place < bytes.endIndex {
            if left > 0 {
                let end = min(place + left, bytes.endIndex)
                left -= end - place
                try body(channel, bytes[place..<end], left == 0)
                place = end
                continue
            }
            let end = min(place + StreamFrame.headerSize - header.count, bytes.endIndex)
            header += bytes[place..<end]
            place = end
            if header.count < StreamFrame.headerSize { return }
            guard let found = StreamFrame.Channel(rawValue: header[0]) else {
                throw StreamFault("a frame for channel \(header[0])")
            }
            let length = header[4...].reduce(0) { $0 << 8 | Int($1) }
            guard header[1...3].allSatisfy({ $0 == 0 }), length <= StreamFrame.most else {
                throw StreamFault("a frame of \(length) bytes", code: StreamFault.tooBig)
            }
            (channel, left) = (found, length)
            header = []
            if length == 0 { try body(channel, [], true) }
        }
    }
}
