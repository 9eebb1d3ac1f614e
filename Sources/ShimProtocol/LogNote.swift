// Notes that the shim sends to a log writer beside the output itself.

/// `dropped` bytes of a stream were dropped after its first `position` bytes.
package struct LogNote: Equatable, Sendable {
    /// 0 for standard output, 1 for standard error.
    package let stream: UInt8
    /// Counted from the log writer's start, in bytes.
    package let position: UInt64
    package let dropped: UInt64

    package init(stream: UInt8, position: UInt64, dropped: UInt64) {
        self.stream = stream
        self.position = position
        self.dropped = dropped
    }
}

extension LogNote {
    /// The length of `bytes`. A pipe takes that many at once or none (pipe(7), PIPE_BUF).
    package static let size = 17

    package var bytes: [UInt8] {
        var writer = WireWriter()
        writer.put(stream)
        writer.put(position)
        writer.put(dropped)
        return writer.bytes
    }

    /// Parses `size` bytes.
    package init(_ bytes: ArraySlice<UInt8>) throws(WireFault) {
        var reader = WireReader(Array(bytes))
        self.init(
            stream: try reader.byte(), position: try reader.number(), dropped: try reader.number())
        try reader.end()
    }
}
