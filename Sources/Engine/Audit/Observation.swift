// What of ours the host shows: by name, because each name follows from a pod's uid.

import EventLoop
import Linux
package import Model

/// What was seen of one kind.
package struct Observation: Sendable {
    package let kind: ResourceKind
    /// Where each object is, by the uid in its name.
    package var names: [String: String]
    /// Those of them that had no record at the time.
    package var unrecorded: [String: String]

    package init(_ kind: ResourceKind, _ names: [String: String], recorded: Set<UID>) {
        self.kind = kind
        self.names = names
        unrecorded = names.filter { name, _ in !(UID(name).map(recorded.contains) ?? false) }
    }
}

/// One look at the host, which each resource does its part of.
@Loop struct Look {
    let host: any Host
    let records: any Recorded

    /// Objects count as recorded by the records at the time at which `names` looks. If the look
    /// fails, nothing was seen, and the audit says that it is missing.
    func observed(
        _ kind: ResourceKind, _ names: () throws(SystemCallFailure) -> [String: String]
    ) -> Observation {
        records.beginLook()
        var found: [String: String] = [:]
        ignoring("what cannot be listed is missing, and says so") {
            () throws(SystemCallFailure) in found = try names()
        }
        return Observation(kind, found, recorded: records.endLook())
    }
}

extension Engine {
    /// Every kind but namespaces, in the order of the kinds.
    @Loop func observe() async -> [Observation] {
        let look = Look(host: host, records: registry)
        var seen: [Observation] = []
        for step in RemovalStep.allCases { seen += await step.resource.observe(look) }
        return ResourceKind.allCases.flatMap { kind in seen.filter { $0.kind == kind } }
    }
}
