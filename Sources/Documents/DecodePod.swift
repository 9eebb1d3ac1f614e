//  Decodes a pod from a request.

package import JSON
package import Model

extension PodSpec {
    /// Reads `PUT /v1/pods/{pod}`, with every default filled in and the tasks in order.
    /// `nestsCPULimits`: whether the kernel refuses a CPU limit of a task above that of its pod.
    package static func decode(
        _ value: JSONValue, name: Label, nestsCPULimits: Bool = false
    ) throws(DocumentFaults) -> PodSpec {
        try decodeDocument(value) { object in
            let spec = PodSpec(reading: &object, name: name)
            for fault in nestsCPULimits ? spec.tasksOverLimit : [] {
                object.log.add(fault.pointer, fault.detail)
            }
            return spec
        }
    }

    private init(reading object: inout ObjectReader, name: Label) {
        object.refuseUnsupported(["dns"])
        if let field = object.take("sharePID"), field.bool() == true {
            field.refuseUnsupported("a shared PID namespace is not supported by this version")
        }
        self.init(
            labels: object.take("labels")?.notes() ?? [:],
            annotations: object.take("annotations")?.notes() ?? [:],
            hostname: object.take("hostname")?.hostname() ?? name.text,
            network: object.take("network")?.network() ?? .none,
            resources: object.take("resources")?.resources() ?? Resources(),
            tasks: object.take("tasks")?.tasks() ?? [])
    }
}

extension Field {
    fileprivate func network() -> NetworkMode? {
        guard var object = object() else { return nil }
        object.refuseUnsupported(["name", "ports"])
        let mode = object.take("mode").map { $0.networkMode() } ?? NetworkMode.none
        object.end()
        return mode
    }

    private func networkMode() -> NetworkMode? {
        if value.string == "cni" {
            refuseUnsupported("'cni' is not supported by this version")
            return nil
        }
        return parsed("'none' or 'host'") { NetworkMode(rawValue: $0) }
    }

    fileprivate func tasks() -> [TaskSpec]? {
        guard let entries = entries(limit: DocumentLimits.tasks) else { return nil }
        let tasks = entries.compactMap { name, field in field.task(named: name) }
        return tasks.sorted { $0.name < $1.name }
    }

    private func task(named text: String) -> TaskSpec? {
        let name = Label(text)
        if name == nil { refuse("a task's name must be \(Label.rule)") }
        guard var object = object() else { return nil }
        // A refused name must not hide the faults of the other members.
        let task = Label("x").flatMap { TaskSpec(reading: &object, name: name ?? $0) }
        object.end()
        return name == nil ? nil : task
    }
}
