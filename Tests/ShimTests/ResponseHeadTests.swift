// The head of an HTTP response, as a health check reads it.

import Testing

@testable import Shim

@Suite struct ResponseHeadTests {
    /// The outcome and the kept line after these bytes, in pieces of this size.
    private func read(_ bytes: [UInt8], inPiecesOf size: Int) -> (ResponseHead.Outcome, String) {
        var head = ResponseHead()
        for start in stride(from: 0, to: bytes.count, by: size) {
            head.read(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        return (head.outcome, String(decoding: head.statusLine, as: UTF8.self))
    }

    @Test(
        "the status is that of the final response, however the bytes are cut",
        arguments: [
            ("HTTP/1.1 200 OK\r\nServer: x\r\n\r\nbody\r\n\r\n", 200, "HTTP/1.1 200 OK"),
            ("HTTP/1.0 404\r\n\r\n", 404, "HTTP/1.0 404"),
            ("HTTP/1.1 500 \nA: b\n\n", 500, "HTTP/1.1 500 "),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, "HTTP/1.1 204 No"),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 399 z\r\n\r\n", 399,
                "HTTP/1.1 399 z"
            ),
            ("HTTP/1.1 101 Switch\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 101, "HTTP/1.1 101 Switch"),
            ("HTTP/1.1 200 \u{1F680}\r\n\r\n", 200, "HTTP/1.1 200 \u{1F680}"),
            ("HTTP/1.1 999 x\r\n:\r\n\r\n", 999, "HTTP/1.1 999 x"),
        ])
    func status(text: String, status: Int, line: String) {
        let bytes = Array(text.utf8)
        for size in 1...bytes.count {
            #expect(read(bytes, inPiecesOf: size) == (.status(status), line), "\(size)")
        }
    }

    @Test("a head that was cut at any byte is incomplete, and the next byte may complete it")
    func cut() {
        let bytes = Array("HTTP/1.1 100 a\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n\r\n".utf8)
        for count in 0..<bytes.count {
            var head = ResponseHead()
            head.read(Array(bytes[..<count]))
            #expect(head.outcome == .incomplete, "\(count)")
            head.read(Array(bytes[count...]))
            #expect(head.outcome == .status(200), "\(count)")
        }
    }

    @Test(
        "other bytes are refused as soon as their first line has ended",
        arguments: [
            "\r\n", "\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200\r\n", "HTTP/1. 200 OK\r\n",
            "HTTP/1.1  200 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n",
            "HTTP/1.1 099 OK\r\n", "HTTP/1.1 2x0 OK\r\n", "http/1.1 200 OK\r\n",
            "HTTP/1.1 200OK\r\n", "HTTP/1.1\t200 OK\r\n", "HTTP/1.10 200 OK\r\n", "HTTP/1.1\r\n",
            "HTTP/1.1 -20 OK\r\n", "HTTP/1.1 \u{FF12}00 OK\r\n", "HTTP/1.1 20\u{0}\r\n",
            "HTTP/1.1 100 x\r\n\r\nnonsense\r\n",
        ])
    func refused(text: String) {
        let bytes = Array(text.utf8)
        for size in [1, 2, bytes.count] {
            guard case .refused = read(bytes, inPiecesOf: size).0 else {
                Issue.record("\(text) in pieces of \(size)")
                continue
            }
        }
        #expect(read(Array(bytes.dropLast()), inPiecesOf: 1).0 == .incomplete)
    }

    @Test(
        "a head has an end: lines, interim responses and the first line count together",
        arguments: [
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 3000),
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 20_000),
            String(repeating: "HTTP/1.1 100 c\r\n\r\n", count: 1000),
            String(repeating: "z", count: 20_000), String(repeating: "\u{0}", count: 20_000),
        ])
    func endless(text: String) {
        let bytes = Array(text.utf8)
        for size in [1, 7, 1024, bytes.count] {
            let short = Array(bytes[..<ResponseHead.most])
            #expect(read(short, inPiecesOf: size).0 == .incomplete)
            let long = Array(bytes[...ResponseHead.most])
            guard case .refused = read(long, inPiecesOf: size).0 else {
                Issue.record("\(text.prefix(20)) in pieces of \(size)")
                continue
            }
        }
    }

    @Test("of a long status line only the beginning is kept")
    func longLine() {
        let text = "HTTP/1.1 200 " + String(repeating: "k", count: 7000) + "\r\n\r\n"
        let (outcome, line) = read(Array(text.utf8), inPiecesOf: 1000)
        #expect(outcome == .status(200) && line == text.prefix(ResponseHead.mostKept))
    }
}
