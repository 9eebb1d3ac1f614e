//  PATCH of a task: a merge patch (RFC 7396) of its limits and its restarts.

import Bytes
package import JSON
package import Model

/// The changes that a PATCH requests. Members that it does not name stay unchanged.
package struct TaskPatch: Sendable {
    private let body: JSONValue

    /// Reads the body of a PATCH of the task `name`.
    package static func decode(
        _ value: JSONValue, name: Label
    ) throws(DocumentFaults) -> TaskPatch {
        try decodeDocument(value) { object in
            var any = TaskSpec(defaultsOf: name)
            TaskSpec.members.merge(&object, into: &any)
            return TaskPatch(body: value)
        }
    }

    private init(body: JSONValue) { self.body = body }

    /// Reads ``text`` again, from a record.
    package init(text: String) throws(RecordFault) {
        do throws(JSONFault) { body = try JSONValue.parse(Array(text.utf8)) } catch {
            throw .malformed(.root, "is no patch: \(error)")
        }
    }

    /// The patch as JSON, for a record.
    package var text: String {
        var writer = JSONWriter()
        writer.value(body)
        return String(decoding: writer.finish().bytes, as: UTF8.self)
    }

    /// Returns the spec after the patch. Refuses a spec that contradicts itself or the pod, and
    /// what cannot change during a task's life.
    ///
    /// - Parameter leastOOMScoreAdj: the least value that the daemon may set.
    package func applied(
        to spec: TaskSpec, in pod: PodSpec, nestsCPULimits: Bool, leastOOMScoreAdj: Int64
    ) throws(DocumentFaults) -> TaskSpec {
        try applied(to: spec) { wanted in
            let asked = wanted.resources.oomScoreAdj.map { max($0, leastOOMScoreAdj) }
            let place = JSONPointer.root.appending("resources").appending("oomScoreAdj")
            let faults =
                asked == spec.resources.oomScoreAdj
                ? []
                : [
                    DocumentFault(
                        pointer: place,
                        detail: "cannot be changed: each process of the task has its own value")
                ]
            return faults + (nestsCPULimits ? wanted.limitFaults(in: pod, at: .root) : [])
        }
    }

    /// The same for a patch that was accepted. The result depends on the spec alone, so a daemon
    /// that repeats an update for its predecessor asks for the same.
    package func applied(to spec: TaskSpec) throws(DocumentFaults) -> TaskSpec {
        try applied(to: spec) { _ in [] }
    }

    private func applied(
        to spec: TaskSpec, _ faults: (TaskSpec) -> [DocumentFault]
    ) throws(DocumentFaults) -> TaskSpec {
        try decodeDocument(body) { object in
            var wanted = spec
            TaskSpec.members.merge(&object, into: &wanted)
            let all =
                faults(wanted) + wanted.resourceFaults(at: .root) + wanted.initFaults(at: .root)
                + wanted.fixedFaults(spec)
            for fault in all { object.log.add(fault.pointer, fault.detail) }
            wanted.resources.oomScoreAdj = spec.resources.oomScoreAdj
            return wanted
        }
    }
}

extension TaskSpec {
    /// A fault for each value that cannot become another one while the task lives.
    fileprivate func fixedFaults(_ before: TaskSpec) -> [DocumentFault] {
        var faults: [DocumentFault] = []
        func refuse(_ place: JSONPointer, _ detail: String) {
            faults.append(DocumentFault(pointer: place, detail: detail))
        }
        let lifted = before.resources.unified.keys.filter { resources.unified[$0] == nil }
        for name in lifted.sorted() {
            refuse(
                JSONPointer.root.appending("resources").appending("unified").appending(name),
                "cannot be removed, because the kernel tells no value that is none: give one")
        }
        guard restart != before.restart else { return faults }
        let policy = JSONPointer.root.appending("restart").appending("policy")
        if !before.isRestarted {
            refuse(policy, "is 'never', and a task without restarts gets none during its life")
        } else if !isRestarted {
            refuse(policy, "cannot become 'never': 'maxRetries' of 0 ends the restarts")
        }
        return faults
    }
}
