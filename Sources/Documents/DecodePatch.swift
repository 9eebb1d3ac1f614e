//  PATCH of a pod: a merge patch (RFC 7396) of the members that may change during its life.

package import JSON
package import Model

/// The changes that a PATCH requests. Members that it does not name stay unchanged.
package struct PodPatch: Equatable, Sendable {
    package var labels: NotesPatch = .init()
    package var annotations: NotesPatch = .init()
    package var resources: ResourcesPatch = .init()

    /// Reads the body of a PATCH.
    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> PodPatch {
        try decodeDocument(value) { object in
            object.refuseFixed(["hostname", "network", "tasks", "sharePID", "dns"])
            return PodPatch(
                labels: object.take("labels")?.notesPatch() ?? NotesPatch(),
                annotations: object.take("annotations")?.notesPatch() ?? NotesPatch(),
                resources: object.take("resources")?.resourcesPatch() ?? ResourcesPatch())
        }
    }

    /// Whether the patch names a limit.
    package var namesLimits: Bool { resources != ResourcesPatch() }

    /// Returns the spec after the patch. Refuses too many labels or annotations.
    package func applied(to spec: PodSpec) throws(DocumentFaults) -> PodSpec {
        var spec = spec
        spec.labels = labels.applied(to: spec.labels)
        spec.annotations = annotations.applied(to: spec.annotations)
        spec.resources = resources.applied(to: spec.resources)
        let log = FaultLog()
        for (name, notes) in [("labels", spec.labels), ("annotations", spec.annotations)]
        where notes.count > DocumentLimits.notes {
            let limit = DocumentLimits.notes
            log.add(
                JSONPointer.root.appending(name),
                "would have \(notes.count) entries, and \(limit) are allowed")
        }
        return try log.finish(spec)
    }
}

/// Changes of labels or annotations.
package struct NotesPatch: Equatable, Sendable {
    /// Whether all existing entries are removed first, because the whole object was `null`.
    package var removesAll = false
    /// New values; `nil` removes the key.
    package var values: [String: String?] = [:]

    package func applied(to notes: [String: String]) -> [String: String] {
        var notes = removesAll ? [:] : notes
        for (key, value) in values { notes[key] = value }
        return notes
    }
}

/// Changes of limits.
package struct ResourcesPatch: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        case keep
        /// `nil` removes the limit.
        case set(Int64?)

        func applied(to value: Int64?) -> Int64? {
            switch self {
            case .keep: value
            case .set(let value): value
            }
        }
    }

    /// Bytes.
    package var memory: Change = .keep
    package var milliCPUs: Change = .keep
    package var pids: Change = .keep

    package func applied(to resources: Resources) -> Resources {
        Resources(
            memory: memory.applied(to: resources.memory),
            milliCPUs: milliCPUs.applied(to: resources.milliCPUs),
            pids: pids.applied(to: resources.pids))
    }
}

extension Field {
    fileprivate func notesPatch() -> NotesPatch? {
        if value == .null { return NotesPatch(removesAll: true) }
        guard let entries = entries(limit: 2 * DocumentLimits.notes) else { return nil }
        var patch = NotesPatch()
        for (name, field) in entries {
            checkNoteKey(name, field)
            patch.values.updateValue(field.value == .null ? nil : noteValue(field), forKey: name)
        }
        return patch
    }

    fileprivate func resourcesPatch() -> ResourcesPatch? {
        if value == .null {
            return ResourcesPatch(memory: .set(nil), milliCPUs: .set(nil), pids: .set(nil))
        }
        guard var object = object() else { return nil }
        let patch = ResourcesPatch(
            memory: change(object.take("memory")) { $0.memory() },
            milliCPUs: change(object.take("cpus")) { $0.milliCPUs() },
            pids: change(object.take("pids")) { $0.pids() })
        object.end()
        return patch
    }
}

private func change(_ field: Field?, _ read: (Field) -> Int64?) -> ResourcesPatch.Change {
    guard let field else { return .keep }
    return .set(field.value == .null ? nil : read(field))
}
