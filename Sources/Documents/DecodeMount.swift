//  Decodes a task's mounts from a request.

import Bytes
import JSON
import Model

extension Field {
    /// The mounts in the order of the document; their targets are distinct.
    func mounts() -> [MountSpec]? {
        guard let elements = elements(limit: DocumentLimits.mounts) else { return nil }
        var targets: Set<[ByteKey]> = []
        return elements.compactMap { element in
            guard var object = element.object() else { return nil }
            let mount = MountSpec(reading: &object)
            object.end()
            if let mount, !targets.insert(pathComponents(mount.target).map(ByteKey.init)).inserted {
                let place = element.pointer.appending("target")
                Field(value: element.value, pointer: place, log: element.log)
                    .refuse("'\(mount.target)' is another mount's target, too")
            }
            return mount
        }
    }
}

extension MountSpec {
    fileprivate init?(reading object: inout ObjectReader) {
        let kind = object.require("type")?.parsed("'bind' or 'tmpfs'", KindName.init(rawValue:))
        let target = object.require("target")?.mountTarget()
        let readOnly = object.take("readOnly")?.bool() ?? false
        guard let kind else {
            // It is unknown to which of the two kinds the other members belong.
            _ = (object.take("source"), object.take("size"), object.take("recursiveReadOnly"))
            return nil
        }
        guard let kind = MountSpec.kind(kind, &object), let target else { return nil }
        let isRecursive = kind.isBind && object.take("recursiveReadOnly")?.bool() ?? false
        self.init(
            kind: kind, target: target, readOnly: readOnly, recursiveReadOnly: isRecursive)
    }

    private static func kind(_ name: KindName, _ object: inout ObjectReader) -> Kind? {
        switch name {
        case .bind: (object.require("source")?.path()).map { .bind(source: $0) }
        case .tmpfs: .tmpfs(size: object.take("size")?.integer(in: 1...(.max)))
        }
    }
}

extension MountSpec.Kind {
    fileprivate var isBind: Bool {
        switch self {
        case .bind: true
        case .tmpfs: false
        }
    }
}

private enum KindName: String {
    case bind, tmpfs
}
