//  Strict parsing and percent-decoding of the request target (RFC 9112, section 3.2).

/// A target's parts; a part is `nil` if it cannot be decoded.
struct Target {
    let path: String
    let segments: [String]?
    let query: [(name: String, value: String?)]?

    typealias Bytes = UnsafeBufferPointer<UInt8>

    init(parsing text: String) {
        var text = text
        self = text.withUTF8 { utf8 in unsafe Target(parsing: utf8) }
    }

    /// `bytes` are read only during the call.
    init(parsing bytes: Bytes) {
        let bytes = unsafe Target.withoutAuthority(bytes)
        let mark = unsafe Target.find(UInt8(ascii: "?"), in: bytes)
        let raw = unsafe Bytes(rebasing: bytes[..<mark])
        unsafe self.path = String(decoding: raw, as: UTF8.self)
        unsafe self.segments = Target.segments(of: raw)
        guard mark < bytes.count else {
            self.query = []
            return
        }
        unsafe self.query = Target.query(of: Bytes(rebasing: bytes[(mark + 1)...]))
    }

    /// Removes `http://host`: proxies are sent this form, and every server must accept it too.
    private static func withoutAuthority(_ bytes: Bytes) -> Bytes {
        let scheme: StaticString = "http://"
        let length = scheme.utf8CodeUnitCount
        let head = unsafe Bytes(start: scheme.utf8Start, count: length)
        guard unsafe bytes.starts(with: head) else { return unsafe bytes }
        let rest = unsafe Bytes(rebasing: bytes[length...])
        return unsafe Bytes(rebasing: rest[find(UInt8(ascii: "/"), in: rest)...])
    }

    private static func segments(of path: Bytes) -> [String]? {
        guard unsafe path.first == UInt8(ascii: "/") else { return nil }
        var segments: [String] = []
        if path.count == 1 { return segments }
        segments.reserveCapacity(8)
        var rest = unsafe Bytes(rebasing: path[1...])
        while true {
            let slash = unsafe find(UInt8(ascii: "/"), in: rest)
            let piece = unsafe Bytes(rebasing: rest[..<slash])
            guard let segment = unsafe decoded(piece, plusIsSpace: false) else { return nil }
            segments.append(segment)
            guard slash < rest.count else { return segments }
            unsafe rest = Bytes(rebasing: rest[(slash + 1)...])
        }
    }

    private static func query(of bytes: Bytes) -> [(name: String, value: String?)]? {
        var members: [(name: String, value: String?)] = []
        var rest = unsafe bytes
        while rest.count > 0 {
            let end = unsafe find(UInt8(ascii: "&"), in: rest)
            if end > 0 {
                let piece = unsafe Bytes(rebasing: rest[..<end])
                guard let member = unsafe member(piece) else { return nil }
                members.append(member)
            }
            unsafe rest = Bytes(rebasing: rest[min(end + 1, rest.count)...])
        }
        return members
    }

    private static func member(_ bytes: Bytes) -> (name: String, value: String?)? {
        let mark = unsafe find(UInt8(ascii: "="), in: bytes)
        let left = unsafe Bytes(rebasing: bytes[..<mark])
        guard let name = unsafe decoded(left, plusIsSpace: true) else { return nil }
        guard mark < bytes.count else { return (name, nil) }
        let right = unsafe Bytes(rebasing: bytes[(mark + 1)...])
        guard let value = unsafe decoded(right, plusIsSpace: true) else { return nil }
        return (name, value)
    }

    /// The index of the first `byte`, or the end.
    private static func find(_ byte: UInt8, in bytes: Bytes) -> Int {
        unsafe bytes.firstIndex(of: byte) ?? bytes.count
    }

    private static func decoded(_ piece: Bytes, plusIsSpace: Bool) -> String? {
        let escapes = unsafe piece.contains {
            $0 == UInt8(ascii: "%") || $0 == 0 || (plusIsSpace && $0 == UInt8(ascii: "+"))
        }
        guard escapes else { return unsafe String(validating: piece, as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(piece.count)
        var index = 0
        while index < piece.count {
            var byte = unsafe piece[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < piece.count, let high = unsafe hex(piece[index + 1]),
                    let low = unsafe hex(piece[index + 2])
                else { return nil }
                byte = high << 4 | low
                index += 2
            } else if plusIsSpace, byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            }
            if byte == 0 { return nil }
            result.append(byte)
            index += 1
        }
        return String(validating: result, as: UTF8.self)
    }

    private static func hex(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
