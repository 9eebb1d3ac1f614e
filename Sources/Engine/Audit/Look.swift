// One look at the host, to which each resource contributes its kinds.

import EventLoop
import Host
import Kernel
import Model

/// One look at the host. Each resource does a part of it.
@Loop struct Look {
    let host: any Host
    let records: any Recorded

    /// Decides by the records of the moment of `names` whether an object is recorded. If the look
    /// fails, nothing was seen, and the audit reports the objects as missing.
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
    /// Observes every kind except namespaces, in the order of the kinds.
    @Loop func observe() async -> [Observation] {
        let look = Look(host: host, records: registry)
        var seen: [Observation] = []
        for step in RemovalStep.allCases { seen += await step.resource.observe(look) }
        return ResourceKind.allCases.flatMap { kind in seen.filter { $0.kind == kind } }
    }
}
