// `manifest.json` of a docker-archive, which is what `docker save` and `skopeo copy` write: a tar
// without digests, in which this file names the members that are the configuration and the layers.

import Bytes
import JSON

package struct DockerArchive: Equatable, Sendable {
    package struct Image: Equatable, Sendable {
        /// The path of the configuration inside of the archive.
        package let config: String
        /// The references of the image, in complete form; empty if the archive has none.
        package let references: [ImageReference]
        /// The paths of the layers inside of the archive, from the lowest up.
        package let layers: [String]
    }

    package let images: [Image]

    /// Reads `manifest.json`. Throws `image-invalid`, or `reference-invalid` for a name.
    package static func read(_ bytes: [UInt8]) throws(ImageFault) -> DockerArchive {
        let value = try DocumentReader.parse(bytes, name: "manifest.json")
        guard let elements = value.elements else {
            throw ImageFault(.imageInvalid, "manifest.json is \(value.kindName), not a list")
        }
        var images: [Image] = []
        for (index, element) in elements.enumerated() {
            images.append(
                try Image(DocumentReader(element, name: "image \(index) of manifest.json")))
        }
        return DockerArchive(images: images)
    }
}

extension DockerArchive.Image {
    fileprivate init(_ reader: DocumentReader) throws(ImageFault) {
        guard let config = try reader.text("Config"), isInside(config) else {
            throw reader.wrong("Config", "a path inside of the archive")
        }
        guard let layers = try reader.texts("Layers", atMost: layerLimit),
            layers.allSatisfy(isInside)
        else { throw reader.wrong("Layers", "a list of paths inside of the archive") }
        self.config = config
        self.layers = layers
        var references: [ImageReference] = []
        for tag in try reader.texts("RepoTags") ?? [] { references.append(try ImageReference(tag)) }
        self.references = references
    }
}

/// Whether the path leads to a member of the archive.
private func isInside(_ path: String) -> Bool {
    !path.isEmpty && !path.begins(with: "/") && !path.fields("/").contains("..")
}
