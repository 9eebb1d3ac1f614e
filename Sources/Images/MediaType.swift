// The media types of images: OCI's, and Docker's from which they come.

import Bytes

package enum MediaType {
    package static let index = "application/vnd.oci.image.index.v1+json"
    package static let manifest = "application/vnd.oci.image.manifest.v1+json"
    package static let config = "application/vnd.oci.image.config.v1+json"
    package static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    package static let dockerConfig = "application/vnd.docker.container.image.v1+json"

    package static func isIndex(_ type: String) -> Bool { [index, dockerList].contains(type) }

    package static func isManifest(_ type: String) -> Bool {
        [manifest, dockerManifest].contains(type)
    }

    package static func isConfig(_ type: String) -> Bool { [config, dockerConfig].contains(type) }

    /// The manifests of before 2016, which have no configuration and no digests of their content.
    static func isFirstSchema(_ type: String) -> Bool {
        type.begins(with: "application/vnd.docker.distribution.manifest.v1+")
    }
}

/// How the tar of a layer is compressed.
package enum LayerCompression: String, Sendable, CaseIterable {
    case none, gzip, zstd

    /// `nil` if the media type is not that of a layer.
    package init?(mediaType: String) {
        switch mediaType {
        case "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.diff.tar":
            self = .none
        case "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            self = .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            self = .zstd
        default: return nil
        }
    }
}
