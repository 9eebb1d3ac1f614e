// Reads the head of an HTTP response (RFC 9112) for a health check, which needs only its status.

/// Takes the bytes as they come, in pieces of any size. Of these it keeps only the beginning of the
/// status line, so a server cannot make it grow.
struct ResponseHead {
    enum Outcome: Equatable {
        /// The head has not ended.
        case incomplete
        case status(Int)
        /// The bytes are no head, or the head is too long.
        case refused(String)
    }

    /// The most bytes of a head, together with the heads of interim responses before it.
    static let most = 8192
    /// The most bytes that are kept of a status line.
    static let mostKept = 256

    private(set) var outcome = Outcome.incomplete
    /// The line of the last head, without its end.
    private(set) var statusLine: [UInt8] = []
    /// The status, when its line has ended.
    private var status: Int?
    private var count = 0
    /// The bytes of the present line so far, and the last one of them.
    private var lineLength = 0
    private var lastByte: UInt8 = 0

    /// Takes more bytes. After the head's end, all further bytes are ignored.
    mutating func read(_ bytes: [UInt8]) {
        for byte in bytes {
            guard case .incomplete = outcome else { return }
            take(byte)
        }
    }

    private mutating func take(_ byte: UInt8) {
        count += 1
        if count > ResponseHead.most {
            outcome = .refused("the head of the response is longer than \(ResponseHead.most) bytes")
        } else if byte == UInt8(ascii: "\n") {
            endLine()
        } else {
            if status == nil, lineLength < ResponseHead.mostKept { statusLine.append(byte) }
            lineLength += 1
            lastByte = byte
        }
    }

    /// A lone LF ends a line, too (RFC 9112, section 2.2).
    private mutating func endLine() {
        let isEmpty = lineLength == 0 || lineLength == 1 && lastByte == UInt8(ascii: "\r")
        lineLength = 0
        guard let status else { return endStatusLine() }
        guard isEmpty else { return }
        // The final response follows an interim one, but not 101 (RFC 9110, section 15.2).
        if (100..<200).contains(status), status != 101 {
            self.status = nil
            statusLine = []
        } else {
            outcome = .status(status)
        }
    }

    private mutating func endStatusLine() {
        if statusLine.last == UInt8(ascii: "\r") { statusLine.removeLast() }
        status = ResponseHead.status(of: statusLine)
        if status == nil { outcome = .refused("the answer is no response of HTTP/1") }
    }

    /// `HTTP/1.1 200 OK`. The reason may be missing, and so may the space before it.
    private static func status(of line: [UInt8]) -> Int? {
        // "HTTP/1." has seven bytes.
        let rest = line.dropFirst(7)
        guard line.starts(with: "HTTP/1.".utf8), rest.count >= 5, isDigit(rest[rest.startIndex])
        else { return nil }
        let digits = rest.dropFirst(2).prefix(3)
        guard rest[rest.startIndex + 1] == UInt8(ascii: " "), digits.allSatisfy(isDigit),
            digits.first != UInt8(ascii: "0"), rest.count == 5 || rest[digits.endIndex] == 0x20
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
