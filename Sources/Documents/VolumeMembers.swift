//  The members of a pod's volumes, and the mounts that name one.

import Bytes
import JSON
import Model

extension VolumeSpec {
    static let members = SpecTable<VolumeSpec>([
        .optional("medium", \.kind, { $0.kind = $1 }, .medium),
        .limit("size", \.size, { $0.size = $1 }, .integer { $0.integer(in: 1...(.max)) }),
    ])

    fileprivate enum Kind: String { case disk, memory }

    private var kind: Kind {
        get {
            switch medium {
            case .disk: .disk
            case .memory: .memory
            }
        }
        set {
            switch newValue {
            case .disk: medium = .disk
            case .memory: medium = .memory(size: size)
            }
        }
    }

    private var size: Int64? {
        get { if case .memory(let size) = medium { size } else { nil } }
        set { if case .memory = medium { medium = .memory(size: newValue) } }
    }
}

extension Codec<VolumeSpec.Kind> {
    fileprivate static var medium: Codec {
        .parsed("'disk' or 'memory'", { VolumeSpec.Kind(rawValue: $0) }, text: \.rawValue)
    }
}

extension Codec<[VolumeSpec]> {
    /// The volumes by name, in the order of the names.
    static var volumes: Codec {
        Codec(
            read: { $0.volumes() },
            write: { volumes, writer in
                writer.beginObject()
                for volume in volumes {
                    writer.key(volume.name.text)
                    VolumeSpec.members.writeObject(volume, to: &writer)
                }
                writer.endObject()
            },
            restore: { record throws(RecordFault) in
                try record.entries().map { name, record throws(RecordFault) in
                    guard let name = Label(name) else {
                        throw RecordFault.malformed(record.pointer, "is not a volume's name")
                    }
                    var volume = VolumeSpec(name: name)
                    try VolumeSpec.members.restore(record, into: &volume)
                    return volume
                }
            })
    }
}

extension Field {
    /// The name of a volume, which the pod may not have.
    func volumeName() -> String? {
        parsed("a volume's name: \(Label.rule)") { Label($0)?.text }
    }

    fileprivate func volumes() -> [VolumeSpec]? {
        guard let entries = entries(limit: DocumentLimits.volumes) else { return nil }
        let volumes = entries.compactMap { name, field in field.volume(named: name) }
        return volumes.sorted { $0.name < $1.name }
    }

    /// A volume with a fault is kept, so that no mount of it is refused as well.
    private func volume(named text: String) -> VolumeSpec? {
        let name = Label(text)
        if name == nil { refuse("a volume's name must be \(Label.rule)") }
        guard var volume = (name ?? Label("x")).map({ VolumeSpec(name: $0) }) else { return nil }
        _ = readObject(VolumeSpec.members, into: &volume)
        if volume.medium == .disk, value["size"] != nil {
            let place = pointer.appending("size")
            log.add(
                place, "is not supported by this version for a volume on the disk",
                isNotSupported: true)
        }
        return name == nil ? nil : volume
    }
}

extension DocumentLimits {
    /// Volumes of a pod.
    static let volumes = 64
}

extension TaskSpec {
    /// A fault for each mount of a volume that the pod does not have.
    func volumeFaults(in pod: PodSpec, at place: JSONPointer) -> [DocumentFault] {
        mounts.enumerated().compactMap { index, mount in
            guard case .volume(let name) = mount.kind,
                !pod.volumes.contains(where: { $0.name.text.isSame(as: name) })
            else { return nil }
            return DocumentFault(
                pointer: place.appending("mounts").appending(index).appending("source"),
                detail: "'\(name)' is not a volume of the pod")
        }
    }
}
