// The descriptor of a document or layer (OCI image-spec, descriptor.md). Its `urls` and `data` are
// ignored: content comes from the registry alone.

import Bytes

/// Names content by its digest.
package struct Descriptor: Equatable, Sendable {
    package let mediaType: String
    package let digest: Digest
    /// The exact number of bytes, which is a limit for what is fetched.
    package let size: Int64

    package init(mediaType: String, digest: Digest, size: Int64) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
    }

    init(_ reader: DocumentReader) throws(ImageFault) {
        guard let mediaType = try reader.text("mediaType") else {
            throw reader.wrong("mediaType", "there")
        }
        guard let digest = try reader.text("digest").flatMap({ Digest($0) }) else {
            throw reader.wrong("digest", "sha256: and 64 digits in lower case")
        }
        guard let size = try reader.integer("size"), size >= 0 else {
            throw reader.wrong("size", "a number of bytes")
        }
        self.init(mediaType: mediaType, digest: digest, size: size)
    }
}
