// One blob of a fetch: its file, the hosts that may have it, and the request under way.

import Bytes
import Images
import Kernel
import Linux

final class Blob: TransferSink {
    let descriptor: Descriptor
    private(set) var file: BlobFile
    /// Why a host will not give it, by the host's index.
    var refusals: [Int: FetchFailure] = [:]
    /// How often a host gave other content, by the host's index.
    var mismatches: [Int: Int] = [:]
    /// The index of the host that is asked.
    var host = 0
    /// Hosts that were asked in vain since the last byte or pause.
    var failedHosts: Set<Int> = []
    /// Challenges since the last byte.
    var challenges = 0
    var hops = 0
    /// The authorization of the request; see `Endpoint.generation`.
    var generation = 0
    var pacing = Pacing()
    /// Nanoseconds since boot; `nil` if it does not wait.
    var retryAt: Int64?
    /// After a lie about a range, the next request asks for the whole.
    var asksForAll = false
    var row: FetchReport.Blob

    // Of the answer under way.
    private(set) var body: BlobBody?
    private(set) var failure: SystemCallFailure?
    private var toSkip: Int64 = 0
    /// New bytes of this answer.
    private(set) var gained: Int64 = 0
    private var start: Int64 = 0
    private var dropped = 0

    init(
        _ descriptor: Descriptor, in directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        self.descriptor = descriptor
        file = try BlobFile(descriptor, in: directory)
        row = FetchReport.Blob(descriptor: descriptor)
    }

    /// Hashes a piece of what is there; `false` at its end.
    func readExisting() throws(SystemCallFailure) -> Bool {
        let goesOn = try file.readExisting()
        row.resumed = file.count
        row.fetched = file.count
        return goesOn
    }

    func restart() throws(SystemCallFailure) {
        try file.restart()
        row.resumed = 0
        row.fetched = 0
    }

    /// The field of the next request; `nil` if it is for the whole.
    func range() -> String? {
        start = asksForAll ? 0 : file.count
        asksForAll = false
        return start > 0 ? "Range: bytes=\(start)-" : nil
    }

    /// Forgets the last answer.
    func begin() { (body, failure, gained, dropped) = (nil, nil, 0, 0) }

    func take(_ bytes: Span<UInt8>, _ head: ResponseHead) -> Bool {
        if body == nil {
            body = BlobBody(head, start: start, size: descriptor.size)
            // A whole answer begins with bytes that are there; they are not written again.
            toSkip = head.status == 200 ? file.count : file.count - start
        }
        row.received += Int64(bytes.count)
        switch body {
        case .content?: return append(bytes)
        case .ignored?:
            // A message; a longer one is only a burden.
            dropped += bytes.count
            return dropped < 64 << 10
        case .lie?, nil: return false
        }
    }

    /// The declared size is a hard limit: bytes beyond it are not even written.
    private func append(_ bytes: Span<UInt8>) -> Bool {
        let skipped = Int(min(toSkip, Int64(bytes.count)))
        toSkip -= Int64(skipped)
        let room = descriptor.size - file.count
        let end = Int(min(Int64(bytes.count), Int64(skipped) + room))
        guard skipped < end else { return room > 0 }
        do throws(SystemCallFailure) {
            try file.append(bytes.extracting(skipped..<end))
        } catch {
            failure = error
            return false
        }
        gained += Int64(end - skipped)
        row.fetched = file.count
        return end == bytes.count
    }
}
