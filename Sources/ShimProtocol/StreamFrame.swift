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
        /// Half-closes the channel that is the one byte of its payload.
        case close = 255
    }

    package static func frame(_ channel: Channel, _ payload: ArraySlice<UInt8>) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: headerSize)
        putHeader(channel, count: payload.count, into: &frame)
        return frame + payload
    }

    /// Writes a header into the first bytes of `frame`.
    package static func putHeader(_ channel: Channel, count: Int, into frame: inout [UInt8]) {
        frame[0] = channel.rawValue
        for index in 0..<4 {
            frame[4 + index] = UInt8(truncatingIfNeeded: count >> (24 - 8 * index))
        }
    }
}

/// Cuts a stream of bytes into frames. A payload is passed on as it comes, and never kept.
package struct StreamFrameReader: Sendable {
    private var header: [UInt8] = []
    private var channel = StreamFrame.Channel.input
    private var left = 0

    package init() {}

    /// Whether the bytes so far end with a whole frame.
    package var isBetweenFrames: Bool { header.isEmpty && left == 0 }

    /// Calls `body` with the parts of payloads in `bytes`, which are not empty. Throws if a frame
    /// is too long, or for no channel; nothing can be read after that.
    package mutating func read(
        _ bytes: ArraySlice<UInt8>,
        _ body: (StreamFrame.Channel, ArraySlice<UInt8>) throws(WireFault) -> Void
    ) throws(WireFault) {
        var place = bytes.startIndex
        while place < bytes.endIndex {
            if left > 0 {
                let end = min(place + left, bytes.endIndex)
                left -= end - place
                try body(channel, bytes[place..<end])
                place = end
                continue
            }
            let end = min(place + StreamFrame.headerSize - header.count, bytes.endIndex)
            header += bytes[place..<end]
            place = end
            if header.count < StreamFrame.headerSize { return }
            guard let found = StreamFrame.Channel(rawValue: header[0]) else {
                throw WireFault("a frame for channel \(header[0])")
            }
            let length = header[4...].reduce(0) { $0 << 8 | Int($1) }
            guard header[1...3].allSatisfy({ $0 == 0 }), length <= StreamFrame.most else {
                throw WireFault("a frame of \(length) bytes")
            }
            (channel, left) = (found, length)
            header = []
        }
    }
}
