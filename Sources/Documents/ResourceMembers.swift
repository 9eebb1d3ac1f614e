//  The members of the limits of a pod.

import JSON
import Model

extension Resources {
    static let members = SpecTable<Resources>([
        .limit("memory", \.memory, { $0.memory = $1 }, .integer { $0.memory() }),
        .limit("cpus", \.milliCPUs, { $0.milliCPUs = $1 }, .thousandths(in: DocumentLimits.cpus)),
        .limit(
            "pids", \.pids, { $0.pids = $1 },
            .integer { $0.integer(in: 1...DocumentLimits.mostPids) }),
    ])
}

extension Codec<Resources> {
    /// A record contains each limit that is set.
    static var resources: Codec { .object(Resources.members, Resources()) }
}

extension Field {
    /// Bytes.
    func memory() -> Int64? {
        guard let bytes = integer(in: .min...(.max)) else { return nil }
        guard bytes >= DocumentLimits.leastMemory else {
            refuse("no process can start under \(DocumentLimits.leastMemory) bytes")
            return nil
        }
        return bytes
    }

    /// The limits after a patch; `null` removes all of them.
    func merged(into resources: Resources) -> Resources? {
        if value == .null { return Resources() }
        guard var object = object() else { return nil }
        var resources = resources
        Resources.members.merge(&object, into: &resources)
        object.end()
        return resources
    }
}
