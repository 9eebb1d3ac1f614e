// Reads the report of a fetch, for its caller.

import Bytes
import JSON

extension FetchReport {
    /// Reads the content of `progress` or `result`. Throws `image-invalid` if it is not what
    /// `bytes` writes: the fetcher is another process, and without privileges.
    package static func read(_ bytes: [UInt8]) throws(ImageFault) -> FetchReport {
        let reader = try DocumentReader(bytes, name: "the report")
        guard try reader.integer("version") == 1 else { throw reader.wrong("version", "1") }
        let reference = try ImageReference(reader.text("reference") ?? "")
        guard let platform = try reader.text("platform").flatMap({ Platform($0) }) else {
            throw reader.wrong("platform", "a platform")
        }
        var report = FetchReport(reference: reference, platform: platform)
        guard let state = try reader.text("state").flatMap({ State(rawValue: $0) }) else {
            throw reader.wrong("state", "known")
        }
        report.state = state
        report.credentials = try reader.text("credentials") ?? "none"
        report.top = try digest("top", reader)
        report.manifest = try digest("manifest", reader)
        report.config = try digest("config", reader)
        for row in try reader.objects("blobs", atMost: layerLimit + 1) ?? [] {
            report.blobs.append(try Blob(row))
        }
        report.failure = try reader.object("error").map { error throws(ImageFault) in
            try FetchFailure(error)
        }
        return report
    }

    private static func digest(
        _ member: String, _ reader: DocumentReader
    ) throws(ImageFault) -> Digest? {
        guard let text = try reader.text(member) else { return nil }
        guard let digest = Digest(text) else { throw reader.wrong(member, "a digest") }
        return digest
    }
}

extension FetchReport.Blob {
    fileprivate init(_ reader: DocumentReader) throws(ImageFault) {
        self.init(descriptor: try Descriptor(reader))
        guard
            let state = try reader.text("state").flatMap({
                FetchReport.BlobState(rawValue: $0)
            })
        else { throw reader.wrong("state", "known") }
        self.state = state
        fetched = try reader.count("fetched")
        resumed = try reader.count("resumed")
        received = try reader.count("received")
        attempts = Int(try reader.count("attempts"))
        reason = try reader.text("reason")
        retryAt = try reader.integer("retryAt")
    }
}

extension FetchFailure {
    fileprivate init(_ reader: DocumentReader) throws(ImageFault) {
        guard let code = try reader.text("code").flatMap({ Code(rawValue: $0) }) else {
            throw reader.wrong("code", "known")
        }
        let seconds = try reader.integer("retryAfter").map { Int($0) }
        self.init(code, try reader.text("detail") ?? "", retryAfter: seconds)
    }
}

extension DocumentReader {
    fileprivate func count(_ member: String) throws(ImageFault) -> Int64 {
        guard let count = try integer(member), count >= 0 else {
            throw wrong(member, "a number of bytes")
        }
        return count
    }
}
