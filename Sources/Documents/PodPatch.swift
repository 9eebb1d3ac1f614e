//  PATCH of a pod: a merge patch (RFC 7396) of the members that may change during its life.

package import JSON
package import Model

/// The changes that a PATCH requests. Members that it does not name stay unchanged.
package struct PodPatch: Sendable {
    private let body: JSONValue

    /// Reads the body of a PATCH.
    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> PodPatch {
        try decodeDocument(value) { object in
            var any = PodSpec(hostname: "")
            PodSpec.requestMembers.merge(&object, into: &any)
            return PodPatch(body: value)
        }
    }

    /// Whether the patch names a limit.
    package var namesLimits: Bool {
        guard let resources = body["resources"] else { return false }
        return resources == .null || resources.members?.isEmpty == false
    }

    /// Returns the spec after the patch. Refuses too many labels or annotations.
    package func applied(to spec: PodSpec) throws(DocumentFaults) -> PodSpec {
        try decodeDocument(body) { object in
            var spec = spec
            PodSpec.requestMembers.merge(&object, into: &spec)
            if let fault = spec.limitFault { object.log.add(fault.pointer, fault.detail) }
            for (name, notes) in [("labels", spec.labels), ("annotations", spec.annotations)]
            where notes.count > DocumentLimits.notes {
                object.log.add(
                    .root.appending(name),
                    "would have \(notes.count) entries, and \(DocumentLimits.notes) are allowed")
            }
            return spec
        }
    }
}

extension Field {
    /// The labels or annotations after a patch; `null` removes an entry, or all of them.
    func merged(into notes: [String: String]) -> [String: String]? {
        if value == .null { return [:] }
        guard let entries = entries(limit: 2 * DocumentLimits.notes) else { return nil }
        var notes = notes
        for (name, field) in entries {
            checkNoteKey(name, field)
            notes[name] = field.value == .null ? nil : noteValue(field)
        }
        return notes
    }
}
