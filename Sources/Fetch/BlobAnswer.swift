// What an answer to a request for a blob means. Pure: tested without a server.
//
// The request asks for the bytes from `start` on. There is no If-Range: the content belongs to its
// digest and cannot change, while a field that differs among a registry's servers would bring the
// whole blob again.

import Images

/// What to do with the body of an answer.
enum BlobBody: Equatable, Sendable {
    /// The body has the blob's bytes: from its beginning with 200, from `start` on with 206.
    case content
    /// The body is a message, or is not asked for.
    case ignored
    /// The answer contradicts the request.
    case lie(String)

    init(_ head: ResponseHead, start: Int64, size: Int64) {
        guard head.status == 200 || head.status == 206 else {
            self = .ignored
            return
        }
        guard !head.isHTML else {
            self = .lie("the answer is HTML")
            return
        }
        guard head.status == 206 else {
            self = .content
            return
        }
        guard let range = head.contentRange else {
            self = .lie("the answer is a part of something unknown")
            return
        }
        let isSize = range.total == nil || range.total == size
        self =
            range.first == start && range.last < size && isSize
            ? .content
            : .lie("the answer has the bytes \(range.first)-\(range.last), not those from \(start)")
    }
}

/// What became of a request for a blob.
enum BlobOutcome: Equatable, Sendable {
    /// All bytes are there; the digest decides.
    case complete
    /// The host has other content under this digest.
    case mismatch(String)
    case redirected(String)
    case challenged
    /// The host does not give the blob to us.
    case refused
    /// The file is longer than the host's blob.
    case outOfRange
    /// Try again: later if nothing came.
    case again(String)

    /// `isComplete`: the file has as many bytes as the blob. `body` is `nil` if no byte of it came.
    init(
        _ result: TransferResult, _ head: ResponseHead, _ body: BlobBody?, redirect: String?,
        isComplete: Bool
    ) {
        switch (body, result) {
        case (_, _) where isComplete: self = .complete
        case (.lie(let what)?, _): self = .again(what)
        case (_, .untrusted(let why)), (_, .broken(let why)): self = .again(why)
        case (.content?, .complete) where head.status == 200:
            self = .mismatch("the content ends too early")
        case (.content?, _): self = .again("the answer ends too early")
        case (nil, .stopped): self = .again("the answer's head is too large")
        case (_, _) where redirect != nil: self = .redirected(redirect ?? "")
        case (_, _): self = BlobOutcome(status: head.status)
        }
    }

    private init(status: Int) {
        switch status {
        case 401: self = .challenged
        case 416: self = .outOfRange
        case 408, 425, 429, 500...599: self = .again("answers \(status)")
        case 400...499: self = .refused
        case 200: self = .mismatch("the content is empty")
        case _: self = .again("an answer with the status \(status)")
        }
    }
}
