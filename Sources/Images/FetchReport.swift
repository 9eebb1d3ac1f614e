// What staunch-fetch writes while it runs, and when it has ended; and what its caller reads. One
// document for both, so that the caller needs one reader.

import Bytes
import JSON

package struct FetchReport: Equatable, Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// Asks the registry for the documents.
        case resolving
        /// The documents are verified; waits for the caller's plan.
        case planning
        case fetching
        case succeeded, failed, canceled
    }

    package enum BlobState: String, Sendable, CaseIterable {
        case queued
        /// Reads what an earlier process has fetched.
        case verifying
        case fetching
        /// Will try again: `reason` and `retryAt` say why and when.
        case waiting
        /// Verified, and in the ingest directory under its own name.
        case whole
        /// The plan does not have it.
        case skipped
    }

    package struct Blob: Equatable, Sendable {
        package let descriptor: Descriptor
        package var state = BlobState.queued
        /// Bytes of the file so far, including the bytes of an earlier process.
        package var fetched: Int64 = 0
        /// Bytes that an earlier process has fetched.
        package var resumed: Int64 = 0
        /// Bytes that this process has received, including bytes that it had to drop.
        package var received: Int64 = 0
        /// Requests for the blob, redirects not counted.
        package var attempts = 0
        package var reason: String?
        /// Milliseconds since 1970.
        package var retryAt: Int64?

        package init(descriptor: Descriptor) { self.descriptor = descriptor }
    }

    package var state = State.resolving
    package let reference: ImageReference
    package let platform: Platform
    /// Where the credentials come from: `request`, `file` or `none`.
    package var credentials = "none"
    /// What the reference names; an index if there is one. `nil` until it is verified.
    package var top: Digest?
    package var manifest: Digest?
    package var config: Digest?
    /// The configuration, and then each distinct blob of the layers; empty until the manifest is
    /// verified.
    package var blobs: [Blob] = []
    /// Only of a fetch that failed or was canceled.
    package var failure: FetchFailure?

    package init(reference: ImageReference, platform: Platform) {
        self.reference = reference
        self.platform = platform
    }

    /// The document, with a newline.
    package var bytes: [UInt8] {
        var writer = JSONWriter(capacity: 1024 + blobs.count * 256)
        writer.beginObject()
        writer.member("version", 1)
        writer.member("state", state.rawValue)
        writer.member("reference", reference.text)
        writer.member("platform", platform.description)
        writer.member("credentials", credentials)
        writer.member("top", top?.text)
        writer.member("manifest", manifest?.text)
        writer.member("config", config?.text)
        writer.list("blobs", blobs) { writer, blob in write(blob, to: &writer) }
        writer.key("error")
        if let failure { write(failure, to: &writer) } else { writer.null() }
        writer.endObject()
        return writer.finish().bytes + [UInt8(ascii: "\n")]
    }

    private func write(_ blob: Blob, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("digest", blob.descriptor.digest.text)
        writer.member("mediaType", blob.descriptor.mediaType)
        writer.member("size", blob.descriptor.size)
        writer.member("state", blob.state.rawValue)
        writer.member("fetched", blob.fetched)
        writer.member("resumed", blob.resumed)
        writer.member("received", blob.received)
        writer.member("attempts", blob.attempts)
        writer.member("reason", blob.reason)
        writer.member("retryAt", blob.retryAt)
        writer.endObject()
    }

    private func write(_ failure: FetchFailure, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", failure.code.rawValue)
        writer.member("detail", failure.detail)
        writer.member("retryAfter", failure.retryAfter.map { Int64($0) })
        writer.endObject()
    }
}
