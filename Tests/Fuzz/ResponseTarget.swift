// The head of an HTTP response, which a task's program sends to a health check.

@testable import Shim

/// The outcome is the same however the bytes come, it is final, and a task cannot make the reader
/// grow.
@Sendable func fuzzResponseHead(_ bytes: [UInt8]) {
    func read(inPiecesOf size: Int) -> ResponseHead {
        var head = ResponseHead()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let former = head.outcome
            head.read(Array(bytes[start..<min(start + size, bytes.count)]))
            must(former == .incomplete || former == head.outcome, "\(former) was not final")
            must(head.statusLine.count <= ResponseHead.mostKept, "the line is kept whole")
        }
        return head
    }
    let (whole, cut) = (read(inPiecesOf: max(bytes.count, 1)), read(inPiecesOf: 1))
    must(whole.outcome == cut.outcome && whole.statusLine == cut.statusLine, "the cuts count")
    switch whole.outcome {
    case .incomplete: must(bytes.count <= ResponseHead.most, "more than the most was read")
    case .status(let status): must((100..<1000).contains(status), "\(status)")
    case .refused(let reason): must(!reason.isEmpty, "a refusal without a word")
    }
}
