//  The members of a pod's spec.

package import JSON
package import Model

extension PodSpec {
    /// The members of the pod's document and record that come from its spec, without the tasks.
    static let members = SpecTable<PodSpec>([
        .optional(
            "labels", \.labels, { $0.labels = $1 }, .map { $0.notes() },
            change: { $0.merged(into: $1) }),
        .optional(
            "annotations", \.annotations, { $0.annotations = $1 }, .map { $0.notes() },
            change: { $0.merged(into: $1) }),
        .optional("hostname", \.hostname, { $0.hostname = $1 }, .text { $0.hostname() }),
        .nullable("runtime", \.runtime, { $0.runtime = $1 }, .text { $0.runtimeName() }),
        .object("network", networkMembers),
        .object("dns", dnsMembers),
        .optional("hosts", \.hosts, { $0.hosts = $1 }, .hosts),
        .optional(
            "shmSize", \.shmSize, { $0.shmSize = $1 },
            .integer { $0.integer(in: DocumentLimits.shmSize) }),
        .optional("sysctls", \.sysctls, { $0.sysctls = $1 }, .map { $0.sysctls() }),
        .optional("hostPID", \.hostPID, { $0.hostPID = $1 }, .bool),
        .optional("hostIPC", \.hostIPC, { $0.hostIPC = $1 }, .bool),
        .optional("sharePID", \.sharePID, { $0.sharePID = $1 }, .bool),
        .nullable(
            "cgroupParent", \.cgroupParent, { $0.cgroupParent = $1 }, .text { $0.cgroupParent() }),
        .optional(
            "resources", \.resources, { $0.resources = $1 }, .resources,
            change: { $0.merged(into: $1) }),
        .nullable(
            "ttlAfterExit", \.ttlAfterExit, { $0.ttlAfterExit = $1 },
            .thousandths(in: DocumentLimits.ttl), mayChange: true),
        .optional("volumes", \.volumes, { $0.volumes = $1 }, .volumes),
    ])

    /// The members of a request. The pod's document and its record have other forms of the tasks.
    static let requestMembers = SpecTable<PodSpec>(members.members + [taskObject])

    private static let taskObject = Member<PodSpec>(
        name: "tasks",
        read: { field, spec in
            guard let tasks = field.tasks() else { return false }
            spec.tasks = tasks
            return true
        },
        write: { spec, writer in
            writer.object("tasks") { writer in
                for task in spec.tasks {
                    writer.key(task.name.text)
                    TaskSpec.members.writeObject(task, to: &writer)
                }
            }
        },
        restore: { _, _ in })

    /// Reads `PUT /v1/pods/{pod}`, with every default filled in and the tasks in order.
    /// `nestsCPULimits`: whether the kernel refuses a CPU limit of a task above that of its pod.
    package static func decode(
        _ value: JSONValue, name: Label, nestsCPULimits: Bool = false
    ) throws(DocumentFaults) -> PodSpec {
        try decodeDocument(value) { object in
            var spec = PodSpec(hostname: name.text)
            _ = requestMembers.read(&object, into: &spec)
            if let fault = spec.limitFault { object.log.add(fault.pointer, fault.detail) }
            for fault in spec.namespaceFaults() + spec.orderFaults() {
                object.log.add(fault.pointer, fault.detail)
            }
            for task in spec.tasks {
                let place = JSONPointer.root.appending("tasks").appending(task.name.text)
                for fault in task.faults(in: spec, at: place, nestsCPULimits: nestsCPULimits) {
                    object.log.add(fault.pointer, fault.detail)
                }
            }
            return spec
        }
    }
}

extension PodSpec {
    /// The program that makes the parent limits it. A pod's own limits would be on a cgroup without
    /// its tasks.
    var limitFault: DocumentFault? {
        guard cgroupParent != nil, resources != Resources() else { return nil }
        return DocumentFault(
            pointer: JSONPointer.root.appending("resources"),
            detail: "contradicts 'cgroupParent': the parent's limits are the pod's limits")
    }
}

extension TaskSpec {
    /// A fault for each thing that the task needs of its pod and that the pod does not have.
    /// `place` is the task in the document.
    package func faults(
        in pod: PodSpec, at place: JSONPointer, nestsCPULimits: Bool
    ) -> [DocumentFault] {
        (nestsCPULimits ? limitFaults(in: pod, at: place) : []) + volumeFaults(in: pod, at: place)
            + securityFaults(at: place) + resourceFaults(at: place) + logFaults(at: place)
            + initFaults(at: place) + inputFaults(at: place)
    }
}

extension Pod {
    /// The size in bytes of the body with which a client would create this pod and its present
    /// tasks, with every default written out.
    package var specBytes: Int {
        var request = spec
        request.tasks = tasks.map(\.spec)
        var writer = JSONWriter()
        PodSpec.requestMembers.writeObject(request, to: &writer)
        return writer.count
    }
}

extension Field {
    fileprivate func tasks() -> [TaskSpec]? {
        guard let entries = entries(limit: DocumentLimits.tasks) else { return nil }
        let tasks = entries.compactMap { name, field in field.task(named: name) }
        return tasks.sorted { $0.name < $1.name }
    }

    private func task(named text: String) -> TaskSpec? {
        let name = Label(text)
        if name == nil { refuse("a task's name must be \(Label.rule)") }
        // A refused name must not hide the faults of the members.
        guard var spec = (name ?? Label("x")).map(TaskSpec.init(defaultsOf:)) else { return nil }
        let isComplete = readObject(TaskSpec.members, into: &spec)
        return isComplete && name != nil ? spec : nil
    }
}
