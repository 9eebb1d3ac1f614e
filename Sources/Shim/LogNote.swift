// What the shim tells a log writer beside the output itself.

/// So many bytes of a stream were dropped after its first `position` bytes.
struct LogNote: Equatable {
    let stream: UInt8
    /// Counted from this writer's start.
    let position: UInt64
    let dropped: UInt64

    /// As it goes through the pipe, whole or not at all.
    static let size = 17

    init(stream: UInt8, position: UInt64, dropped: UInt64) {
        self.stream = stream
        self.position = position
        self.dropped = dropped
    }

    init(_ bytes: ArraySlice<UInt8>) {
        func number(_ offset: Int) -> UInt64 {
            bytes.dropFirst(offset).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(stream: bytes.first ?? 0, position: number(1), dropped: number(9))
    }

    var bytes: [UInt8] {
        [stream]
            + [position, dropped].flatMap { value in
                (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
            }
    }
}
