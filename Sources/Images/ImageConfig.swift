// The configuration of an image (OCI image-spec, config.md): its platform, the digests of its
// layers' content, and the defaults of a task.

import Bytes

package struct ImageConfig: Equatable, Sendable {
    package let platform: Platform
    /// The digest of each layer's uncompressed tar, from the lowest up.
    package let diffIDs: [Digest]
    package let defaults: Defaults

    /// The member `config`, as far as a task takes its defaults from it.
    package struct Defaults: Equatable, Sendable {
        package let user: String?
        /// `name=value`, in the order of the document.
        package let env: [String]
        /// `nil` if the image has none.
        package let entrypoint: [String]?
        package let cmd: [String]?
        package let workingDir: String?
        /// A name or a number.
        package let stopSignal: String?
        /// The paths of `Volumes`.
        package let volumes: [String]
        /// `80/tcp`.
        package let exposedPorts: [String]
        package let labels: [Label]
    }

    package struct Label: Equatable, Sendable {
        package let name: String
        package let value: String
    }

    /// Reads the configuration. Throws `image-invalid`.
    package static func read(_ bytes: [UInt8]) throws(ImageFault) -> ImageConfig {
        let reader = try DocumentReader(bytes, name: "the configuration")
        guard let rootfs = try reader.object("rootfs"), try rootfs.text("type") == "layers" else {
            throw reader.wrong("rootfs", "of the type 'layers'")
        }
        var diffIDs: [Digest] = []
        for text in try rootfs.texts("diff_ids", atMost: layerLimit) ?? [] {
            guard let digest = Digest(text) else {
                throw rootfs.wrong("diff_ids", "a list of sha256 digests")
            }
            diffIDs.append(digest)
        }
        let platform = Platform(
            os: try reader.text("os") ?? "", architecture: try reader.text("architecture") ?? "",
            variant: try reader.text("variant") ?? "")
        return ImageConfig(
            platform: platform, diffIDs: diffIDs, defaults: try Defaults(reader.object("config")))
    }

    /// Throws `platform-unknown` if the image does not run on `platform`, and `image-invalid` if it
    /// has other layers than the manifest.
    package func check(_ manifest: ImageManifest, on platform: Platform) throws(ImageFault) {
        guard platform.rank(of: self.platform) != nil else {
            throw ImageFault(
                .platformUnknown, "the image is for \(self.platform), not for \(platform)")
        }
        guard diffIDs.count == manifest.layers.count else {
            throw ImageFault(
                .imageInvalid,
                "the configuration has \(diffIDs.count) layers, and the manifest "
                    + "\(manifest.layers.count)")
        }
        var known: [Digest: Digest] = [:]
        for (layer, diffID) in zip(manifest.layers, diffIDs) {
            let former = known.updateValue(diffID, forKey: layer.descriptor.digest)
            guard former == nil || former == diffID else {
                throw ImageFault(
                    .imageInvalid, "the blob \(layer.descriptor.digest) has two diff_ids")
            }
        }
    }
}

extension ImageConfig.Defaults {
    fileprivate init(_ reader: DocumentReader?) throws(ImageFault) {
        user = try reader?.text("User")
        env = try reader?.texts("Env") ?? []
        entrypoint = try reader?.texts("Entrypoint")
        cmd = try reader?.texts("Cmd")
        workingDir = try reader?.text("WorkingDir")
        stopSignal = try reader?.text("StopSignal")
        volumes = try reader?.names("Volumes") ?? []
        exposedPorts = try reader?.names("ExposedPorts") ?? []
        labels = try (reader?.map("Labels") ?? []).map {
            ImageConfig.Label(name: $0.name, value: $0.value)
        }
    }
}
