// An image index, or Docker's manifest list: images of one name for several platforms (OCI
// image-spec, image-index.md). The index of an OCI layout has the same form.

import Bytes

package struct ImageIndex: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package let descriptor: Descriptor
        /// `nil` if the index does not say it; then only the image's configuration does.
        package let platform: Platform?
        /// The annotation `org.opencontainers.image.ref.name`: the name of an image in a layout.
        package let refName: String?
        /// Whether the entry says that it is no image.
        let isArtifact: Bool
    }

    package let entries: [Entry]

    /// The images that run on a platform, the best first. Entries for attestations have the
    /// platform `unknown/unknown`, which nothing runs. An entry without a platform may be right,
    /// so it comes last.
    package func images(for platform: Platform) -> [Entry] {
        let images = entries.filter {
            MediaType.isManifest($0.descriptor.mediaType) && !$0.isArtifact
        }
        let ranked = images.compactMap { entry in
            entry.platform.flatMap { platform.rank(of: $0) }.map { (rank: $0, entry: entry) }
        }
        // The sort keeps the order of equal elements, as no other sort of the library promises.
        let best = ranked.enumerated().sorted {
            ($1.element.rank, $0.offset) < ($0.element.rank, $1.offset)
        }
        return best.map(\.element.entry) + images.filter { $0.platform == nil }
    }

    /// The best image for a platform. Throws `platform-unknown` with the platforms that exist, or
    /// `image-invalid` if only another index could have it.
    package func choose(_ platform: Platform) throws(ImageFault) -> Entry {
        if let best = images(for: platform).first { return best }
        if entries.contains(where: { MediaType.isIndex($0.descriptor.mediaType) }) {
            throw ImageFault(.imageInvalid, "the index contains an index")
        }
        let others = entries.filter { !$0.isArtifact }.compactMap(\.platform)
            .filter { $0.os != "unknown" }.prefix(20).map(\.description)
        let known = others.isEmpty ? "no platform" : others.joined(separator: ", ")
        throw ImageFault(.platformUnknown, "there is no image for \(platform), only for \(known)")
    }

    init(_ reader: DocumentReader) throws(ImageFault) {
        var entries: [Entry] = []
        for entry in try reader.objects("manifests", atMost: ImageIndex.entryLimit) ?? [] {
            entries.append(try Entry(entry))
        }
        self.entries = entries
    }

    /// More than the platforms and attestations of any image.
    private static let entryLimit = 5000
}

extension ImageIndex.Entry {
    fileprivate init(_ reader: DocumentReader) throws(ImageFault) {
        descriptor = try Descriptor(reader)
        isArtifact = reader.has("artifactType")
        refName = try reader.map("annotations").first {
            $0.name.isSame(as: "org.opencontainers.image.ref.name")
        }?.value
        guard let platform = try reader.object("platform") else {
            self.platform = nil
            return
        }
        self.platform = Platform(
            os: try platform.text("os") ?? "",
            architecture: try platform.text("architecture") ?? "",
            variant: try platform.text("variant") ?? "")
    }
}
