// The head of an answer, as far as the protocol needs it.

import Bytes

struct ResponseHead: Sendable {
    private(set) var status = 0
    /// Names in lower case, in the order received.
    private var fields: [(name: String, value: [UInt8])] = []
    private var size = 0

    /// A head that is larger would only fill our memory.
    private static let byteLimit = 256 << 10

    private static let kept = ["www-authenticate", "content-type", "content-range"]

    /// Reads one line of the head. A status line begins a new one, because an interim answer may
    /// precede the final one. Returns `false` if the head is too large.
    mutating func read(line: [UInt8]) -> Bool {
        size += line.count
        guard size <= ResponseHead.byteLimit else { return false }
        if line.starts(with: Array("HTTP/".utf8)) {
            let words = line.split(separator: 0x20, maxSplits: 2)
            status = words.count > 1 ? words[1].prefix(3).decimal() ?? 0 : 0
            fields = []
            return true
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowered
        guard ResponseHead.kept.contains(name) else { return true }
        let value = line[(colon + 1)...].drop { $0 <= 0x20 }
        let end = value.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? value.startIndex
        fields.append((name, Array(value[..<end])))
        return true
    }

    /// All fields of that name, which is in lower case.
    func values(_ name: String) -> [[UInt8]] {
        fields.filter { $0.name.isSame(as: name) }.map(\.value)
    }

    private func text(_ name: String) -> String? {
        values(name).last.map { String(decoding: $0, as: UTF8.self) }
    }

    var contentRange: ContentRange? { text("content-range").flatMap { ContentRange($0) } }

    /// Whether the content is a page for people. A proxy or a portal has answered, not a registry.
    var isHTML: Bool { text("content-type")?.lowered.begins(with: "text/html") ?? false }

    var challenges: [Challenge] { values("www-authenticate").flatMap(Challenge.parse) }
}
