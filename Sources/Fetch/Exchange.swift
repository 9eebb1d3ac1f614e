// Small answers: documents, tokens, messages. Redirects are followed, at most five, and never with
// what was meant for the first host.

import Bytes
import Images

/// An answer that was read whole.
struct ExchangeAnswer {
    let result: TransferResult
    let head: ResponseHead
    let body: [UInt8]
    let isTooLarge: Bool
    let retryAfter: Int?
    /// Whether another host has answered.
    let isRedirected: Bool

    var status: Int { head.status }
}

final class BodySink: TransferSink {
    private(set) var bytes: [UInt8] = []
    private(set) var isTooLarge = false
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func take(_ part: Span<UInt8>, _ head: ResponseHead) -> Bool {
        isTooLarge = bytes.count + part.count > limit
        if !isTooLarge { bytes.append(part) }
        return !isTooLarge
    }
}

extension TransferRequest {
    /// More redirects are a loop.
    static let redirectLimit = 5

    /// The request for the target of a redirect. Credentials, header lines of the settings and a
    /// client certificate do not go to another host, port or scheme.
    func redirected(to url: String) -> TransferRequest {
        var next = self
        next.url = url
        if let origin = Origin(self.url), origin == Origin(url) { return next }
        next.authorization = .none
        next.trust = trust.forStrangers
        next.headers = headers.filter { line in
            ["accept", "range"].contains(line.upTo(":").lowered)
        }
        return next
    }
}

/// Scheme, host and port of a URL.
struct Origin: Equatable {
    private let scheme: String
    private let authority: String

    /// `nil` for a URL with a user, which is never followed with credentials.
    init?(_ url: String) {
        guard let (scheme, rest) = url.cut(":"), let rest = rest.after("//") else { return nil }
        let authority = rest.upTo("/").upTo("?").upTo("#").lowered
        guard !authority.has("@") else { return nil }
        let isPlain = scheme.lowered.isSame(as: "http")
        self.scheme = scheme.lowered
        self.authority = authority.before(isPlain ? ":80" : ":443") ?? authority
    }
}

extension Session {
    /// Sends a request and reads the whole answer. If the answer is larger than `limit` bytes, it
    /// ends there and says so.
    func exchange(
        _ request: TransferRequest, limit: Int, isFollowed: Bool = true
    ) throws(FetchFailure) -> ExchangeAnswer {
        var request = request
        var hop = 0
        while true {
            let sink = BodySink(limit: limit)
            let transfer = Transfer(request, into: sink)
            let result = try perform(transfer)
            if isFollowed, let url = transfer.redirect, result == .complete {
                guard hop < TransferRequest.redirectLimit else {
                    throw FetchFailure(
                        .registryRefused, "more than \(TransferRequest.redirectLimit) redirects")
                }
                request = request.redirected(to: url)
                hop += 1
                continue
            }
            return ExchangeAnswer(
                result: result, head: transfer.head, body: sink.bytes, isTooLarge: sink.isTooLarge,
                retryAfter: transfer.retryAfter, isRedirected: hop > 0)
        }
    }
}
