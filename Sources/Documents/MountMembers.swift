//  The members of a task's mounts, which depend on the type of the mount.

import Bytes
import JSON
import Model

private enum MountType: String, CaseIterable {
    case bind, tmpfs, volume
}

extension MountSpec {
    static let bindMembers = SpecTable<MountSpec>([
        type, .required("source", \.source, { $0.source = $1 }, .text { $0.path() }), target,
        readOnly,
        .optional("recursiveReadOnly", \.recursiveReadOnly, { $0.recursiveReadOnly = $1 }, .bool),
        .optional("propagation", \.propagation, { $0.propagation = $1 }, .propagation),
        .optional("create", \.create, { $0.create = $1 }, .bool),
    ])

    static let tmpfsMembers = SpecTable<MountSpec>([
        type, .limit("size", \.size, { $0.size = $1 }, .integer { $0.integer(in: 1...(.max)) }),
        target, readOnly,
    ])

    static let volumeMembers = SpecTable<MountSpec>([
        type, .required("source", \.volume, { $0.volume = $1 }, .text { $0.volumeName() }), target,
        readOnly,
    ])

    fileprivate static let commonMembers = SpecTable<MountSpec>([type, target, readOnly])

    /// The type is known before the other members are read or restored.
    private static let type = Member<MountSpec>(
        name: "type", isRequired: true,
        read: { field, _ in
            field.parsed("'bind', 'tmpfs' or 'volume'", MountType.init(rawValue:)) != nil
        },
        write: { $1.member("type", $0.type.rawValue) }, restore: { _, _ in })

    private static let target = Member.required(
        "target", \MountSpec.target, { $0.target = $1 }, .text { $0.mountTarget() })

    private static let readOnly = Member.optional(
        "readOnly", \MountSpec.readOnly, { $0.readOnly = $1 }, .bool)

    private var source: String {
        get { if case .bind(let source) = kind { source } else { "" } }
        set { kind = .bind(source: newValue) }
    }

    private var size: Int64? {
        get { if case .tmpfs(let size) = kind { size } else { nil } }
        set { kind = .tmpfs(size: newValue) }
    }

    private var volume: String {
        get { if case .volume(let name) = kind { name } else { "" } }
        set { kind = .volume(name: newValue) }
    }

    fileprivate var type: MountType {
        switch kind {
        case .bind: .bind
        case .tmpfs: .tmpfs
        case .volume: .volume
        }
    }

    /// Every default, and no value yet for the required members.
    fileprivate init(defaultsOf type: MountType) {
        switch type {
        case .bind: self.init(kind: .bind(source: ""), target: "")
        case .tmpfs: self.init(kind: .tmpfs(size: nil), target: "")
        case .volume: self.init(kind: .volume(name: ""), target: "")
        }
    }
}

extension MountType {
    fileprivate var members: SpecTable<MountSpec> {
        switch self {
        case .bind: MountSpec.bindMembers
        case .tmpfs: MountSpec.tmpfsMembers
        case .volume: MountSpec.volumeMembers
        }
    }
}

extension Codec<MountPropagation> {
    fileprivate static var propagation: Codec {
        .parsed(
            "'private', 'slave' or 'shared'", { MountPropagation(rawValue: $0) }, text: \.rawValue)
    }
}

extension Codec<[MountSpec]> {
    static var mounts: Codec {
        Codec(
            read: { $0.mounts() },
            write: { mounts, writer in
                writer.beginArray()
                for mount in mounts { mount.type.members.writeObject(mount, to: &writer) }
                writer.endArray()
            },
            restore: { record throws(RecordFault) in
                try record.elements().map { mount throws(RecordFault) in try mount.mount() }
            })
    }
}

extension RecordReader {
    fileprivate func mount() throws(RecordFault) -> MountSpec {
        guard let type = MountType(rawValue: try self["type"].string()) else {
            throw RecordFault.malformed(pointer, "is a mount of an unknown type")
        }
        var mount = MountSpec(defaultsOf: type)
        try type.members.restore(self, into: &mount)
        return mount
    }
}

extension Field {
    /// The mounts in the order of the document; their targets are distinct.
    fileprivate func mounts() -> [MountSpec]? {
        guard let elements = elements(limit: DocumentLimits.mounts) else { return nil }
        var targets: Set<[ByteKey]> = []
        return elements.compactMap { element in
            let mount = element.mount()
            if let mount, !targets.insert(pathComponents(mount.target).map(ByteKey.init)).inserted {
                let place = element.pointer.appending("target")
                Field(value: element.value, pointer: place, log: element.log)
                    .refuse("'\(mount.target)' is another mount's target, too")
            }
            return mount
        }
    }

    private func mount() -> MountSpec? {
        guard var object = object() else { return nil }
        let type = value["type"]?.string.flatMap(MountType.init(rawValue:))
        var mount = MountSpec(defaultsOf: type ?? .bind)
        let table = type?.members ?? MountSpec.commonMembers
        let isComplete = table.read(&object, into: &mount)
        if type == nil {
            // It is unknown to which of the types the other members belong.
            for member in MountType.allCases.flatMap(\.members.members) {
                _ = object.take(member.name)
            }
        }
        object.end()
        return isComplete ? mount : nil
    }
}
