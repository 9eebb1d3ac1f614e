// The names in the images' directory, for the daemon and for the program that lists it.

/// The directories of `/var/lib/staunch/images`, each by its name there.
package enum ImagesDirectory: String, CaseIterable, Sendable {
    /// Unpacked layers, each by the hexadecimal digits of its diff id.
    case layers
    /// The directories of an image whose attributes its layers hide, by the manifest's digits.
    case fix
    /// Manifests, indexes and configurations, each by its digits.
    case documents
    /// One file for each reference, by the digits of the reference's SHA-256.
    case refs
    /// One directory for each layer under way, by its uid.
    case ingest
    /// One directory for each removal under way, by its uid.
    case trash

    /// In a layer's directory, in an ingest's and in that of a fix: the tree.
    package static let tree = "fs"
    /// In a layer's directory and in an ingest's: a `LayerDescription`.
    package static let description = "layer.json"
    /// In a layer's directory and in that of a fix: an empty file, made after a sync.
    package static let syncMark = "synced"
    /// The most bytes of a document, and of a reference's file.
    package static let documentLimit = 4 << 20
}
