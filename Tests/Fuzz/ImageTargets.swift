// What registries and administrators write: references, the documents of images, challenges,
// ranges, and the settings of registries.

import Images
import JSON

@testable import Fetch

/// A reference that is read has one complete form, and is safe as a part of a path.
@Sendable func fuzzReference(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let platform = Platform(text) {
        must(Platform(platform.description) == platform, "\(platform) is another then")
        must(platform.rank(of: platform) != nil, "\(platform) does not run its own images")
    }
    if let digest = Digest(text) { must(digest.text == text, "\(digest) is written differently") }
    do throws(ImageFault) {
        let reference = try ImageReference(text)
        must(try ImageReference(reference.text) == reference, "\(reference) is another then")
        must(reference.tag != nil || reference.digest != nil, "neither a tag nor a digest")
        for part in [reference.registry, reference.repository] {
            must(part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "not plain: \(part)")
            must(!part.contains("..") && !part.contains("//"), "a path: \(part)")
        }
        must(!reference.registry.contains("/"), "a registry of \(reference.registry)")
        for name in RegistrySettings.names(of: reference.registry) {
            must(!name.contains("/") && name != ".", "a directory of \(name)")
        }
    } catch {
        must(error.code == .referenceInvalid && !error.detail.isEmpty, "a fault without a word")
    }
}

/// The documents: what is read is within the limits, and every fault has a word.
@Sendable func fuzzImageDocument(_ bytes: [UInt8]) {
    let platforms = ["linux/amd64", "linux/arm/v7", "linux/arm64"].compactMap { Platform($0) }
    for type in [nil, MediaType.index, MediaType.manifest] {
        told { () throws(ImageFault) in
            switch try ImageDocument.read(bytes, mediaType: type) {
            case .index(let index):
                for platform in platforms {
                    for entry in index.images(for: platform) {
                        must(MediaType.isManifest(entry.descriptor.mediaType), "no manifest")
                    }
                    _ = try index.choose(platform)
                }
            case .manifest(let manifest):
                must(manifest.layers.count <= layerLimit, "\(manifest.layers.count) layers")
                must(manifest.config.size <= Int64(documentLimit), "a configuration too large")
                must(manifest.blobs.allSatisfy { $0.size >= 0 }, "a negative size")
                must(Set(manifest.blobs.map(\.digest)).count == manifest.blobs.count, "twice")
            }
        }
    }
    told { () throws(ImageFault) in
        let config = try ImageConfig.read(bytes)
        must(config.diffIDs.count <= layerLimit, "\(config.diffIDs.count) layers")
        must(config.defaults.env.allSatisfy { !$0.utf8.contains(0) }, "a NUL")
    }
    checkReport(bytes)
    told { () throws(ImageFault) in
        for image in try DockerArchive.read(bytes).images {
            for path in image.layers + [image.config] {
                must(path.utf8.first != UInt8(ascii: "/"), "outside of the archive: \(path)")
            }
        }
    }
}

/// A report that is read is the same after it was written.
private func checkReport(_ bytes: [UInt8]) {
    told { () throws(ImageFault) in
        let report = try FetchReport.read(bytes)
        must(try FetchReport.read(report.bytes) == report, "\(report) is another then")
    }
}

private func told(_ body: () throws(ImageFault) -> Void) {
    do throws(ImageFault) { try body() } catch {
        must(!error.detail.isEmpty, "a fault without a word")
    }
}

/// The fields of an answer: challenges, ranges, and the whole head in any pieces.
@Sendable func fuzzResponseFields(_ bytes: [UInt8]) {
    for challenge in Challenge.parse(bytes) {
        must(!challenge.scheme.isEmpty, "a challenge without a scheme")
        must(challenge.parameters.allSatisfy { !$0.name.isEmpty }, "a parameter without a name")
    }
    if let range = ContentRange(String(decoding: bytes, as: UTF8.self)) {
        must(range.first >= 0 && range.first <= range.last, "\(range)")
        must(range.total.map { $0 > range.last } ?? true, "\(range)")
    }
    var head = ResponseHead()
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        _ = head.read(line: Array(line))
    }
    _ = (head.challenges, head.contentRange, head.isHTML)
    let body = BlobBody(head, start: 5, size: 10)
    if body == .content { must([200, 206].contains(head.status), "content of \(head.status)") }
}

/// hosts.toml, config.json, the request's credentials and the plan.
@Sendable func fuzzRegistrySettings(_ bytes: [UInt8]) {
    do throws(SettingsFault) {
        let file = try HostsFile.parse(bytes)
        must(!file.hosts.isEmpty, "no host")
        for host in file.hosts {
            for line in host.headers {
                must(line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "more than a line")
            }
            guard let url = host.url else { continue }
            must(RegistryURL(url.description) == url, "\(url) is another then")
        }
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
    do throws(SettingsFault) {
        let file = try AuthFile.parse(bytes)
        for host in ["docker.io", "a.x", "localhost:5000"] {
            must(file.helper(for: host).map { !$0.contains("/") } ?? true, "a path of a helper")
            _ = file.credentials(for: host)
        }
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
    do throws(SettingsFault) {
        for secret in try FetchSecrets.parse(bytes)?.secrets ?? [] {
            must(isUsable(secret), "a secret of more than a line")
        }
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
    do throws(FetchFailure) { _ = try StateDirectory.plan(bytes) } catch {
        must(error.code == .planInvalid, "\(error)")
    }
}
