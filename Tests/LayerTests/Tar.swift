// Writes tars, also such as no program writes: each field is as the test says. The same calls make
// the same bytes.

import Foundation

struct Tar {
    private(set) var bytes: [UInt8] = []

    /// The magic and version of the formats.
    enum Format: String {
        case ustar = "ustar\u{0}00"
        case gnu = "ustar  \u{0}"
        case v7 = ""
    }

    /// The fields of a header. Names are bytes; a text is its UTF-8.
    struct Header {
        var type: Character = "0"
        var mode = 0o644
        var (uid, gid) = (0, 0)
        var mtime = 1_000_000_000
        var link: [UInt8] = []
        var format = Format.ustar
        var (major, minor) = (0, 0)
        /// Bytes of the data, if the header lies.
        var size: Int?
        /// Instead of twelve octal digits.
        var rawSize: [UInt8]?
        var rawTime: [UInt8]?
        var rawUID: [UInt8]?
        var hasBadChecksum = false
    }

    mutating func add(
        _ name: [UInt8], _ data: [UInt8] = [], pax: [(String, [UInt8])] = [],
        _ change: (inout Header) -> Void = { _ in }
    ) {
        var header = Header()
        change(&header)
        if !pax.isEmpty { add("x", records: pax.map { Tar.record($0.0, $0.1) }.flatMap { $0 }) }
        append(name, header, size: header.size ?? data.count)
        append(padded: data)
    }

    mutating func add(
        _ name: String, _ text: String = "", pax: [(String, String)] = [],
        _ change: (inout Header) -> Void = { _ in }
    ) {
        add(Array(name.utf8), Array(text.utf8), pax: pax.map { ($0.0, Array($0.1.utf8)) }, change)
    }

    mutating func directory(
        _ name: String, mode: Int = 0o755, pax: [(String, String)] = [],
        _ change: (inout Header) -> Void = { _ in }
    ) {
        add(name, pax: pax) {
            ($0.type, $0.mode) = ("5", mode)
            change(&$0)
        }
    }

    mutating func link(_ name: String, to target: String) {
        add(name) { ($0.type, $0.link, $0.mode) = ("2", Array(target.utf8), 0o777) }
    }

    mutating func hardLink(_ name: String, to target: String) {
        add(name) { ($0.type, $0.link) = ("1", Array(target.utf8)) }
    }

    /// A pax header of the type `x` or `g` with these records.
    mutating func add(_ type: Character, records: [UInt8]) {
        var header = Header()
        header.type = type
        append(Array("pax".utf8), header, size: records.count)
        append(padded: records)
    }

    /// GNU tar's long name, before the entry.
    mutating func longName(_ name: [UInt8], type: Character = "L") {
        var header = Header()
        (header.type, header.format) = (type, .gnu)
        append(Array("././@LongLink".utf8), header, size: name.count + 1)
        append(padded: name + [0])
    }

    mutating func raw(_ more: [UInt8]) { bytes += more }

    /// With the two empty blocks at the end.
    var whole: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    /// `<length> <key>=<value>\n`, where the length counts itself.
    static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [10]
        var length = rest.count
        while "\(length)".utf8.count + rest.count != length {
            length = "\(length)".utf8.count + rest.count
        }
        return Array("\(length)".utf8) + rest
    }

    private mutating func append(_ name: [UInt8], _ header: Header, size: Int) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ field: [UInt8], at place: Int, _ limit: Int) {
            for (index, byte) in field.prefix(limit).enumerated() { block[place + index] = byte }
        }
        func octal(_ number: Int, _ digits: Int) -> [UInt8] {
            let text = String(number, radix: 8)
            return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8)
        }
        put(name, at: 0, 100)
        put(octal(header.mode, 7), at: 100, 8)
        put(header.rawUID ?? octal(header.uid, 7), at: 108, 8)
        put(octal(header.gid, 7), at: 116, 8)
        put(header.rawSize ?? octal(size, 11), at: 124, 12)
        put(header.rawTime ?? octal(header.mtime, 11), at: 136, 12)
        put([UInt8](repeating: 32, count: 8), at: 148, 8)
        put(Array(String(header.type).utf8), at: 156, 1)
        put(header.link, at: 157, 100)
        put(Array(header.format.rawValue.utf8), at: 257, 8)
        put(octal(header.major, 7), at: 329, 8)
        put(octal(header.minor, 7), at: 337, 8)
        let sum = block.reduce(0) { $0 + Int($1) } + (header.hasBadChecksum ? 1 : 0)
        put(octal(sum, 6) + [0, 32], at: 148, 8)
        bytes += block
    }

    private mutating func append(padded data: [UInt8]) {
        bytes += data
        bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    }
}
