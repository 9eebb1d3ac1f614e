// A registry of the tests: an image in memory, served as the distribution specification has it,
// unless a test answers a request in another way.

import Foundation
import Hashing
import Images
import Synchronization
import Testing

@testable import Fetch

/// Content and its descriptor.
struct FakeBlob: Sendable {
    let bytes: [UInt8]
    let mediaType: String

    init(_ bytes: [UInt8], _ mediaType: String = "application/vnd.oci.image.layer.v1.tar+gzip") {
        self.bytes = bytes
        self.mediaType = mediaType
    }

    init(json: String, _ mediaType: String) { self.init(Array(json.utf8), mediaType) }

    var digest: Digest { SHA256.digest(of: bytes) }

    func json(size: Int? = nil, extra: String = "") -> String {
        """
        {"mediaType": "\(mediaType)", "digest": "\(digest)", "size": \(size ?? bytes.count)\(extra)}
        """
    }
}

/// An image whose layers are random bytes, because nothing here unpacks them.
struct FakeImage: Sendable {
    var layers: [FakeBlob]
    var config: FakeBlob
    var manifest: FakeBlob

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"
    static let indexType = "application/vnd.oci.image.index.v1+json"
    static let configType = "application/vnd.oci.image.config.v1+json"

    init(
        layers sizes: [Int], platform: String = #""os": "linux", "architecture": "amd64""#,
        seed: UInt64 = 1
    ) {
        let layers = sizes.enumerated().map { index, size in
            FakeBlob(randomBytes(size, seed: seed &* 1000 &+ UInt64(index)))
        }
        self.init(blobs: layers, platform: platform)
    }

    init(
        blobs layers: [FakeBlob], platform: String = #""os": "linux", "architecture": "amd64""#
    ) {
        self.layers = layers
        let diffIDs = layers.map { #""\#($0.digest)""# }.joined(separator: ", ")
        config = FakeBlob(
            json: #"{\#(platform), "rootfs": {"type": "layers", "diff_ids": [\#(diffIDs)]}}"#,
            FakeImage.configType)
        manifest = FakeImage.manifest(config.json(), layers.map { $0.json() })
    }

    static func manifest(_ config: String, _ layers: [String]) -> FakeBlob {
        FakeBlob(
            json: """
                {"schemaVersion": 2, "mediaType": "\(manifestType)", "config": \(config),
                 "layers": [\(layers.joined(separator: ", "))]}
                """, manifestType)
    }

    static func index(_ entries: [String]) -> FakeBlob {
        FakeBlob(
            json: """
                {"schemaVersion": 2, "mediaType": "\(indexType)",
                 "manifests": [\(entries.joined(separator: ", "))]}
                """, indexType)
    }
}

func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &+ 0x9e37_79b9_7f4a_7c15
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
}

final class FakeRegistry: Sendable {
    /// An answer of a test's own; `nil` for the usual one.
    typealias Override = @Sendable (ReceivedRequest) -> [Act]?

    let server: HostileServer

    /// Serves `image` as the tag `v`, or `top` if it is given, and by digest `others`.
    init(
        _ image: FakeImage, top: FakeBlob? = nil, others: [FakeBlob] = [],
        _ override: @escaping Override = { _ in nil }
    ) throws {
        let top = top ?? image.manifest
        let manifests = [top, image.manifest] + others
        let blobs = image.layers + [image.config]
        server = try HostileServer { request in
            if let answer = override(request) { return answer }
            let name = request.path.split(separator: "/").last.map(String.init) ?? ""
            if request.path.contains("/manifests/") {
                let found = name == "v" ? top : manifests.first { $0.digest.text == name }
                guard let found else { return Act.reply(404) }
                return Act.reply(200, [("Content-Type", found.mediaType)], found.bytes)
            }
            guard let blob = blobs.first(where: { $0.digest.text == name }) else {
                return Act.reply(404)
            }
            return FakeRegistry.content(blob.bytes, request)
        }
    }

    /// The content, or the part of it that is asked for.
    static func content(_ bytes: [UInt8], _ request: ReceivedRequest) -> [Act] {
        guard let start = request.rangeStart else { return Act.reply(200, [], bytes) }
        guard start < bytes.count else { return Act.reply(416) }
        let range = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
        return Act.reply(206, [("Content-Range", range)], Array(bytes[start...]))
    }

    /// The same head, and then only some of the bytes.
    static func cut(
        _ bytes: [UInt8], _ request: ReceivedRequest, after count: Int, then last: Act = .reset
    ) -> [Act] {
        let start = request.rangeStart ?? 0
        let length = bytes.count - start
        let headers = [("Content-Length", "\(length)")]
        let range = ("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")
        let isPart = request.rangeStart != nil
        return [
            .send(Act.head(isPart ? 206 : 200, headers + (isPart ? [range] : []))),
            .send(Array(bytes[start..<min(start + count, bytes.count)])), last,
        ]
    }

    /// Requests for blobs, or for one.
    func blobRequests(_ blob: FakeBlob? = nil) -> [ReceivedRequest] {
        server.requests.filter { request in
            request.path.contains("/blobs/")
                && blob.map { request.path.hasSuffix($0.digest.text) } ?? true
        }
    }
}
