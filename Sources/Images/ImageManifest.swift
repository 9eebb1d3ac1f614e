// The manifest of one image (OCI image-spec, manifest.md): its configuration and its layers.

import Bytes

package struct ImageManifest: Equatable, Sendable {
    package struct Layer: Equatable, Sendable {
        package let descriptor: Descriptor
        package let compression: LayerCompression
    }

    package let config: Descriptor
    /// From the lowest up. The same blob may be in the list several times.
    package let layers: [Layer]

    /// Each distinct blob of the layers once, in the order of the manifest.
    package var blobs: [Descriptor] {
        var seen: Set<Digest> = []
        return layers.map(\.descriptor).filter { seen.insert($0.digest).inserted }
    }

    init(_ reader: DocumentReader) throws(ImageFault) {
        guard let config = try reader.object("config") else {
            throw reader.wrong("config", "there")
        }
        self.config = try Descriptor(config)
        guard MediaType.isConfig(self.config.mediaType) else {
            throw ImageFault(
                .notAnImage, "its configuration has the type '\(self.config.mediaType)'")
        }
        guard self.config.size <= documentLimit else {
            throw ImageFault(
                .imageInvalid, "the configuration has more than \(documentLimit >> 20) MiB")
        }
        guard let layers = try reader.objects("layers", atMost: layerLimit) else {
            throw reader.wrong("layers", "there")
        }
        var found: [Layer] = []
        for layer in layers { found.append(try Layer(layer)) }
        self.layers = found
        try checkSizes()
    }

    /// One blob has one size, also if the manifest names it twice.
    private func checkSizes() throws(ImageFault) {
        var sizes: [Digest: Int64] = [:]
        var sum: Int64 = 0
        for blob in layers.map(\.descriptor) {
            guard blob.digest != config.digest else {
                throw ImageFault(.imageInvalid, "the configuration is also a layer")
            }
            let former = sizes.updateValue(blob.size, forKey: blob.digest)
            guard former == nil || former == blob.size else {
                throw ImageFault(.imageInvalid, "the blob \(blob.digest) has two sizes")
            }
            let (total, isTooLarge) = sum.addingReportingOverflow(blob.size)
            guard !isTooLarge else {
                throw ImageFault(.imageInvalid, "the sum of the layers' sizes is no size")
            }
            sum = total
        }
    }
}

extension ImageManifest.Layer {
    fileprivate init(_ reader: DocumentReader) throws(ImageFault) {
        descriptor = try Descriptor(reader)
        guard let compression = LayerCompression(mediaType: descriptor.mediaType) else {
            throw ImageFault(.notAnImage, "\(reader.name) has the type '\(descriptor.mediaType)'")
        }
        self.compression = compression
    }
}
