// The document from which a shim makes the volumes of its pod.

package struct WireVolume: Equatable, Sendable {
    package enum Medium: Equatable, Sendable {
        case disk
        /// `size` is in bytes; `nil` for the kernel's default.
        case memory(size: UInt64?)
    }

    package let name: String
    /// The path at which the runtime finds it.
    package let path: String
    package let medium: Medium

    package init(name: String, path: String, medium: Medium) {
        self.name = name
        self.path = path
        self.medium = medium
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package static func document(_ volumes: [WireVolume]) -> [UInt8] {
        var writer = WireWriter()
        writer.put(version)
        writer.put(list: volumes) { writer, volume in
            writer.put(volume.name)
            writer.put(volume.path)
            switch volume.medium {
            case .disk: writer.put(0 as UInt8)
            case .memory(let size):
                writer.put(1 as UInt8)
                writer.put(optional: size) { writer, size in writer.put(size) }
            }
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> [WireVolume] {
        var reader = try WireReader(document, version: version)
        let volumes = try reader.list { (reader: inout WireReader) throws(WireFault) in
            WireVolume(
                name: try reader.text(), path: try reader.text(),
                medium: try reader.flag()
                    ? .memory(
                        size: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                            try reader.number()
                        }) : .disk)
        }
        try reader.end()
        return volumes
    }
}
