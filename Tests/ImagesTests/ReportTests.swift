// What the fetcher writes is what its caller reads.

import Images
import Testing

@Suite struct Reports {
    private func digest(_ digit: String) throws -> Digest {
        try #require(Digest(hex: String(repeating: digit, count: 64)))
    }

    private func report() throws -> FetchReport {
        var report = FetchReport(
            reference: try ImageReference("busybox"),
            platform: Platform(os: "linux", architecture: "arm", variant: "v6"))
        report.state = .failed
        report.credentials = "file"
        report.top = try digest("1")
        report.config = try digest("3")
        report.failure = FetchFailure(.registryBusy, "a \"quoted\"\nword", retryAfter: 7)
        for state in FetchReport.BlobState.allCases {
            var blob = FetchReport.Blob(
                descriptor: Descriptor(mediaType: "a/b", digest: try digest("4"), size: 9))
            (blob.state, blob.fetched, blob.resumed, blob.received) = (state, 5, 2, 4)
            (blob.attempts, blob.reason, blob.retryAt) = (3, "answers 503", 1_700_000_000_000)
            report.blobs += [blob, FetchReport.Blob(descriptor: blob.descriptor)]
        }
        return report
    }

    @Test("a report is read as it was written")
    func roundTrip() throws {
        var report = try report()
        #expect(try FetchReport.read(report.bytes) == report)
        for state in [FetchReport.State.resolving, .planning, .fetching, .succeeded, .canceled] {
            report.state = state
            #expect(try FetchReport.read(report.bytes).state == state)
        }
        for code in FetchFailure.Code.allCases {
            report.failure = FetchFailure(code, "")
            #expect(try FetchReport.read(report.bytes).failure?.code == code)
        }
    }

    @Test(
        "another document is refused",
        arguments: [
            (#""version":1"#, #""version":2"#), (#""state":"failed""#, #""state":"done""#),
            ("busybox", "BUSYBOX"), ("linux/arm/v6", "linux"), ("sha256:1", "sha256:x"),
            (#""fetched":5"#, #""fetched":-5"#), (#""code":"registry-busy""#, #""code":"x""#),
            (#""received":4"#, #""received":null"#), ("{", "["),
        ])
    func refused(_ old: String, _ new: String) throws {
        let text = String(decoding: try report().bytes, as: UTF8.self)
        let changed = text.replacing(old, with: new, maxReplacements: 1)
        #expect(changed != text)
        #expect(throws: ImageFault.self) { try FetchReport.read(Array(changed.utf8)) }
    }
}
