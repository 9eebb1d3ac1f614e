// One header of a tar (POSIX.1, pax, "ustar Interchange Format").

enum TarHeader {
    /// A block of 512 bytes with these fields at their places, and its checksum.
    static func block(_ fields: [(place: Int, bytes: [UInt8])]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        for (place, bytes) in fields + magic {
            for (index, byte) in bytes.prefix(512 - place).enumerated() {
                block[place + index] = byte
            }
        }
        setChecksum(&block, at: 0)
        return block
    }

    private static let magic = [(257, Array("ustar\u{0}00".utf8))]

    /// Sets the checksum of the block at `start`.
    static func setChecksum(_ bytes: inout [UInt8], at start: Int) {
        let field = start + 148..<start + 156
        for place in field { bytes[place] = UInt8(ascii: " ") }
        let sum = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = String(repeating: "0", count: 6 - sum.utf8.count) + sum
        for (place, digit) in zip(field, Array(digits.utf8) + [0]) { bytes[place] = digit }
    }
}
