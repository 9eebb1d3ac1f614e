// Fetches blobs, several at a time, from hosts that may fail in any way. Each blob is known by its
// digest, so nothing but the digest decides, and no number of failures ends it: only a refusal by
// every host, the wrong content from every host, a full disk, or a cancel does (law I7 of images).
//
//   queued ──> verifying ──> fetching ──> whole         the file was renamed
//                  ▲           │  ▲
//                  │           ▼  │
//                  └──────── waiting                    `reason`, `retryAt`

import Bytes
import Images
import Kernel
import Linux

final class BlobQueue {
    private let session: Session
    private let endpoints: [Endpoint]
    private let directory: OwnedDescriptor
    private let parallel: Int
    /// Each distinct blob once, with its row of the report if it has one.
    private var queued: ArraySlice<Descriptor>
    private var waiting: [Blob] = []
    private var active: [ObjectIdentifier: (transfer: Transfer, blob: Blob)] = [:]

    /// Fetches `blobs` into the directory. Hosts without the capability are not asked.
    init(
        _ blobs: [Descriptor], from endpoints: [Endpoint],
        into directory: consuming OwnedDescriptor, parallel: Int, _ session: Session
    ) {
        self.session = session
        self.endpoints = endpoints.filter { $0.host.capabilities.pulls }
        self.directory = directory
        self.parallel = parallel
        queued = blobs[...]
    }

    /// Returns when every blob is whole.
    func run() throws(FetchFailure) {
        guard !endpoints.isEmpty else {
            throw FetchFailure(.settingsInvalid, "no host of the settings may be asked for blobs")
        }
        while !queued.isEmpty || !waiting.isEmpty || !active.isEmpty {
            try beginDue()
            for ended in try session.takeEnded(milliseconds: pause) {
                guard let (_, blob) = active.removeValue(forKey: ObjectIdentifier(ended.transfer))
                else { continue }
                try settle(blob, ended)
                show(blob)
            }
            for (_, blob) in active.values { show(blob) }
        }
    }

    /// Milliseconds until a blob is due.
    private var pause: Int {
        guard active.count < parallel, let next = waiting.compactMap(\.retryAt).min() else {
            return 1000
        }
        return Int(clamping: max(0, next - SystemClock.sinceBoot) / 1_000_000 + 1)
    }

    private func show(_ blob: Blob) {
        let place = session.report.blobs.firstIndex {
            $0.descriptor.digest == blob.descriptor.digest
        }
        if let place { session.report.blobs[place] = blob.row }
    }

    private func beginDue() throws(FetchFailure) {
        while active.count < parallel {
            let now = SystemClock.sinceBoot
            if let place = waiting.firstIndex(where: { ($0.retryAt ?? 0) <= now }) {
                try ask(waiting.remove(at: place))
            } else if let descriptor = queued.popFirst() {
                try begin(descriptor)
            } else {
                return
            }
        }
    }

    private func begin(_ descriptor: Descriptor) throws(FetchFailure) {
        let blob = try storing { () throws(SystemCallFailure) in
            try Blob(descriptor, in: directory)
        }
        blob.row.state = .verifying
        var pieces = 0
        while try storing({ () throws(SystemCallFailure) in try blob.readExisting() }) {
            pieces += 1
            guard pieces.isMultiple(of: 64) else { continue }
            show(blob)
            try session.breathe()
        }
        if blob.file.isComplete {
            guard blob.file.isRight else {
                // What an earlier process has left is no host's fault.
                try storing { () throws(SystemCallFailure) in try blob.restart() }
                return try ask(blob)
            }
            try publish(blob)
            return show(blob)
        }
        try ask(blob)
    }

    /// Sends the next request for a blob to the host that has its turn.
    private func ask(_ blob: Blob) throws(FetchFailure) {
        let endpoint = endpoints[blob.host]
        var request = endpoint.request(
            "blobs/\(blob.descriptor.digest.text)", stall: session.stall)
        if let range = blob.range() { request.headers.append(range) }
        blob.generation = endpoint.generation
        blob.hops = 0
        blob.row.attempts += 1
        start(request, for: blob)
    }

    private func start(_ request: TransferRequest, for blob: Blob) {
        blob.begin()
        blob.retryAt = nil
        (blob.row.state, blob.row.reason, blob.row.retryAt) = (.fetching, nil, nil)
        let transfer = Transfer(request, into: blob)
        active[ObjectIdentifier(transfer)] = (transfer, blob)
        session.start(transfer)
        show(blob)
    }

    private func settle(_ blob: Blob, _ ended: EndedTransfer) throws(FetchFailure) {
        if let failure = blob.failure { throw storageFailure(failure) }
        if blob.gained > 0 { (blob.challenges, blob.failedHosts) = (0, []) }
        let transfer = ended.transfer
        let outcome = BlobOutcome(
            ended.result, transfer.head, blob.body, redirect: transfer.redirect,
            isComplete: blob.file.isComplete)
        switch outcome {
        case .complete:
            guard blob.file.isRight else {
                return try mismatch(blob, "the content has another digest")
            }
            try publish(blob)
        case .mismatch(let why): try mismatch(blob, why)
        case .redirected(let url):
            guard blob.hops < TransferRequest.redirectLimit else {
                return wait(blob, "more than \(TransferRequest.redirectLimit) redirects", nil)
            }
            blob.hops += 1
            start(transfer.request.redirected(to: url), for: blob)
        case .challenged: try challenged(blob, transfer)
        case .refused: try refused(blob, transfer.head.status)
        case .outOfRange:
            guard transfer.request.headers.contains(where: { $0.begins(with: "Range:") }) else {
                return try refused(blob, transfer.head.status)
            }
            blob.asksForAll = true
            try ask(blob)
        case .again(let why):
            if case .lie? = blob.body { blob.asksForAll = true }
            wait(blob, why, transfer.retryAfter)
        }
    }

    private func publish(_ blob: Blob) throws(FetchFailure) {
        try storing { () throws(SystemCallFailure) in try blob.file.publish(in: directory) }
        (blob.row.state, blob.row.reason, blob.row.retryAt) = (.whole, nil, nil)
    }

    private func challenged(_ blob: Blob, _ transfer: Transfer) throws(FetchFailure) {
        // Another host's challenge is not answered: it would get the credentials.
        guard blob.hops == 0 else { return wait(blob, "a redirect leads to a 401", nil) }
        blob.challenges += 1
        guard blob.challenges <= 2 else { return try refused(blob, 401) }
        switch try endpoints[blob.host].answer(
            transfer.head, sentWith: blob.generation, session)
        {
        case .renewed: try ask(blob)
        case .refused: try refused(blob, 401)
        case .unavailable(let why, let retryAfter): wait(blob, why, retryAfter)
        }
    }

    /// The host does not give the blob: the next one is asked, until every one has refused.
    private func refused(_ blob: Blob, _ status: Int) throws(FetchFailure) {
        let place = "\(endpoints[blob.host].host.url): blob \(blob.descriptor.digest)"
        blob.refusals[blob.host] =
            session.failure(status, [], place, nil)
            ?? FetchFailure(.registryRefused, "\(place): answers \(status)")
        guard let next = nextHost(for: blob) else { throw allRefused(blob) }
        blob.host = next
        try ask(blob)
    }

    /// The registry's own refusal if there is one: it is the last host.
    private func allRefused(_ blob: Blob) -> FetchFailure {
        let last = blob.refusals.max { $0.key < $1.key }
        return last?.value ?? FetchFailure(.registryRefused, "every host refuses a blob")
    }

    /// The host gave other content: another one is asked, or the same once more.
    private func mismatch(_ blob: Blob, _ why: String) throws(FetchFailure) {
        blob.mismatches[blob.host, default: 0] += 1
        try storing { () throws(SystemCallFailure) in try blob.restart() }
        let total = blob.mismatches.values.reduce(0, +)
        let next = nextHost(for: blob) ?? blob.host
        guard total < 2 || blob.mismatches[next] == nil else {
            try storing { () throws(SystemCallFailure) in try blob.file.remove(in: directory) }
            throw FetchFailure(
                .digestMismatch,
                "\(endpoints[blob.host].host.url): blob \(blob.descriptor.digest): \(why)")
        }
        blob.host = next
        try ask(blob)
    }

    /// The host that has given the least wrong content, and has not failed in this round.
    private func nextHost(for blob: Blob) -> Int? {
        let hosts = endpoints.indices.filter { blob.refusals[$0] == nil }
        let fresh = hosts.filter { !blob.failedHosts.contains($0) }
        return (fresh.isEmpty ? hosts : fresh).min {
            (blob.mismatches[$0] ?? 0, $0) < (blob.mismatches[$1] ?? 0, $1)
        }
    }

    /// The blob will be asked for again: at once from a host that has not failed yet, else later.
    private func wait(_ blob: Blob, _ why: String, _ retryAfter: Int?) {
        var pause = 0
        if blob.gained > 0 {
            pause = blob.pacing.advanced()
        } else {
            blob.failedHosts.insert(blob.host)
            let others = endpoints.indices.filter { blob.refusals[$0] == nil }
            if others.allSatisfy(blob.failedHosts.contains) {
                blob.failedHosts = []
                pause = blob.pacing.failed(retryAfter: retryAfter)
            }
            blob.host = nextHost(for: blob) ?? blob.host
        }
        blob.row.state = .waiting
        blob.row.reason = "\(why) at byte \(blob.file.count) of \(blob.descriptor.size)"
        blob.row.retryAt = SystemClock.wall + Int64(pause)
        blob.retryAt = SystemClock.sinceBoot + Int64(pause) * 1_000_000
        waiting.append(blob)
    }
}

/// Makes a failed call of the disk a failure of the fetch.
func storing<Value: ~Copyable>(
    _ body: () throws(SystemCallFailure) -> Value
) throws(FetchFailure) -> Value {
    do { return try body() } catch { throw storageFailure(error) }
}

func storageFailure(_ failure: SystemCallFailure) -> FetchFailure {
    let isFull = ["ENOSPC", "EDQUOT", "EFBIG"].contains(failure.errnoName)
    return FetchFailure(isFull ? .noSpace : .storageFailed, "\(failure)")
}
