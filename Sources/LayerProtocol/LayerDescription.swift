// layer.json: what is known of an unpacked layer, beside its tree.

import Bytes
package import Images
package import JSON

/// The facts about a layer that its tree does not tell.
package struct LayerDescription: Equatable, Sendable {
    /// The digest of the tar, which is the layer's name.
    package let diffID: Digest
    /// The digest of the blob that the tar was in. The same as `diffID` if it was not compressed.
    package let blob: Digest
    /// As the manifest had it; nothing is decided by it.
    package let mediaType: String
    /// Bytes of the tar.
    package var tarSize: Int64 = 0
    /// Bytes that the tree uses on the disk. An upper bound if the layer replaces its own entries.
    package var diskSize: Int64 = 0
    /// Headers of the tar, and implied directories.
    package var entries: Int64 = 0
    /// The directories that the layer has without an entry of their own, in the order of their
    /// making: paths below the tree's root, without links.
    package var implied: [[UInt8]] = []
    /// Whether the layer has an entry for the root of the tree.
    package var rootIsExplicit = false
    /// Whether the layer hides everything below it. The kernel ignores this mark on the root of a
    /// layer, so a mount must leave out the layers below.
    package var rootIsOpaque = false
    /// How many extended attributes were left out.
    package var droppedAttributes: Int64 = 0

    package init(diffID: Digest, blob: Digest, mediaType: String) {
        self.diffID = diffID
        self.blob = blob
        self.mediaType = mediaType
    }
}

extension LayerDescription {
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        writeSummary(to: &json)
        json.list("implied", implied) { $0.value(EscapedName($1).description) }
        json.endObject()
    }

    /// The members whose size has a bound.
    func writeSummary(to json: inout JSONWriter) {
        json.member("diffID", diffID.description)
        json.member("blob", blob.description)
        json.member("mediaType", mediaType)
        json.member("tarSize", tarSize)
        json.member("diskSize", diskSize)
        json.member("entries", entries)
        json.member("rootIsExplicit", rootIsExplicit)
        json.member("rootIsOpaque", rootIsOpaque)
        json.object("dropped") { $0.member("xattrs", droppedAttributes) }
    }

    /// `nil` if a member is missing or has another kind. Unknown members are passed over.
    package init?(_ json: JSONValue) {
        guard let diffID = json["diffID"]?.string.flatMap({ Digest($0) }),
            let blob = json["blob"]?.string.flatMap({ Digest($0) }),
            let mediaType = json["mediaType"]?.string,
            let tarSize = json["tarSize"]?.integer,
            let diskSize = json["diskSize"]?.integer,
            let entries = json["entries"]?.integer,
            let names = json["implied"]?.strings,
            let rootIsExplicit = json["rootIsExplicit"]?.bool,
            let rootIsOpaque = json["rootIsOpaque"]?.bool,
            let dropped = json["dropped"]?["xattrs"]?.integer
        else { return nil }
        let implied = names.compactMap(EscapedName.bytes)
        guard implied.count == names.count else { return nil }
        self.init(diffID: diffID, blob: blob, mediaType: mediaType)
        self.tarSize = tarSize
        self.diskSize = diskSize
        self.entries = entries
        self.implied = implied
        self.rootIsExplicit = rootIsExplicit
        self.rootIsOpaque = rootIsOpaque
        droppedAttributes = dropped
    }
}
