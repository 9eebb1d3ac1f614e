//  The bytes of a stream that have not been handed to libmicrohttpd yet.

import Glibc

struct StreamQueue {
    private var pieces: [[UInt8]] = []
    /// The piece that is sent next, and how much of it has been.
    private var first = 0
    private var offset = 0
    /// Bytes not taken yet.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        pieces.append(bytes)
        count += bytes.count
    }

    /// Moves as much as there is room for; returns how much that was.
    mutating func take(into room: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < room.count, first < pieces.count {
            let piece = pieces[first]
            let length = min(room.count - filled, piece.count - offset)
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled...])
            unsafe piece.withUnsafeBytes { bytes in
                unsafe target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
            }
            filled += length
            offset += length
            if offset == piece.count { dropFirst() }
        }
        count -= filled
        return filled
    }

    /// Pieces that were sent are let go at once; the array itself moves up now and then.
    private mutating func dropFirst() {
        pieces[first] = []
        first += 1
        offset = 0
        if first == pieces.count || first >= max(64, pieces.count / 2) {
            pieces.removeFirst(first)
            first = 0
        }
    }
}
