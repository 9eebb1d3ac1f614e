// What the registry has under a name: an index, or the manifest of one image.

import Bytes

package enum ImageDocument: Equatable, Sendable {
    case index(ImageIndex)
    case manifest(ImageManifest)

    /// Reads a document that was verified by its digest. `mediaType` is the type that a descriptor
    /// gave; `nil` if there was none. Throws `image-invalid` or `not-an-image`.
    ///
    /// The bytes alone say what the document is. A document with the members of both would be read
    /// as either, depending on the header of the answer, so it is refused (CVE-2021-41190).
    package static func read(
        _ bytes: [UInt8], mediaType: String? = nil
    ) throws(ImageFault) -> ImageDocument {
        let reader = try DocumentReader(bytes, name: "the manifest")
        let ownType = try reader.text("mediaType")
        let version = try reader.integer("schemaVersion")
        if version == 1 || MediaType.isFirstSchema(ownType ?? mediaType ?? "") {
            throw ImageFault(.imageInvalid, "Docker's first manifest schema is not supported")
        }
        guard version == 2 else {
            throw ImageFault(.imageInvalid, "schemaVersion of the manifest is not 2")
        }
        let isIndex = reader.has("manifests")
        guard isIndex != (reader.has("config") || reader.has("layers")) else {
            throw ImageFault(
                .imageInvalid, isIndex ? "the manifest is also an index" : "it is no manifest")
        }
        for type in [ownType, mediaType].compactMap({ $0 }) {
            let fits = isIndex ? MediaType.isIndex(type) : MediaType.isManifest(type)
            guard fits else {
                throw ImageFault(
                    .imageInvalid, "\(isIndex ? "an index" : "a manifest") has the type '\(type)'")
            }
        }
        return isIndex ? .index(try ImageIndex(reader)) : .manifest(try ImageManifest(reader))
    }
}
