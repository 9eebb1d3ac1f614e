//  The audit: the records compared with what the kernel shows.

package import JSON
package import Model

/// `GET /v1/audit`.
package struct Audit: DocumentEncodable, Equatable, Sendable {
    /// Whether this audit was taken for this answer.
    package let fresh: Bool
    package let takenAt: Timestamp
    package let revision: UInt64
    package let resources: [AuditLine]
    /// Namespaces that tasks hold by a descriptor: those of deleted pods, which are leaks, and
    /// those without a process whose pod is unknown.
    package let namespaces: [HeldNamespace]
    /// Mounts of the host that tasks may have made through shared mounts. None of them is a leak.
    package let mounts: [SharedMount]
    /// The operations that remove orphans at present.
    package let operations: [UID]

    package init(
        fresh: Bool, takenAt: Timestamp, revision: UInt64, resources: [AuditLine],
        namespaces: [HeldNamespace] = [], mounts: [SharedMount] = [], operations: [UID] = []
    ) {
        self.fresh = fresh
        self.takenAt = takenAt
        self.revision = revision
        self.resources = resources
        self.namespaces = namespaces
        self.mounts = mounts
        self.operations = operations
    }

    /// Every resource that exists is recorded, and every recorded resource exists.
    package var balanced: Bool { resources.allSatisfy(\.balanced) }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("balanced", balanced)
        writer.member("fresh", fresh)
        writer.member("takenAt", takenAt)
        writer.member("revision", revision)
        writer.key("resources")
        writer.beginArray()
        for line in resources { line.write(to: &writer) }
        writer.endArray()
        writer.key("namespaces")
        writer.beginArray()
        for namespace in namespaces { namespace.write(to: &writer) }
        writer.endArray()
        writer.key("mounts")
        writer.beginArray()
        for mount in mounts { mount.write(to: &writer) }
        writer.endArray()
        writer.key("operations")
        writer.beginArray()
        for operation in operations { writer.value(operation.description) }
        writer.endArray()
        writer.endObject()
    }
}

/// The audit of one kind of resource.
package struct AuditLine: DocumentEncodable, Equatable, Sendable {
    package let kind: ResourceKind
    package let recorded: Int
    package let observed: Int
    /// Names of resources that exist but are not recorded: leaks.
    package let unrecorded: [String]
    /// Names of resources that are recorded but do not exist.
    package let missing: [String]

    package init(
        kind: ResourceKind, recorded: Int, observed: Int, unrecorded: [String] = [],
        missing: [String] = []
    ) {
        self.kind = kind
        self.recorded = recorded
        self.observed = observed
        self.unrecorded = unrecorded
        self.missing = missing
    }

    package var balanced: Bool { unrecorded.isEmpty && missing.isEmpty }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("kind", kind.rawValue)
        writer.member("recorded", recorded)
        writer.member("observed", observed)
        writer.member("unrecorded", unrecorded)
        writer.member("missing", missing)
        writer.endObject()
    }
}

extension AuditLine {
    /// Counts only leaked namespaces: a namespace that a task makes for itself belongs to the task.
    package init(_ held: [HeldNamespace]) {
        let leaks = held.filter { $0.owner != nil }.map { $0.text }.sorted()
        self.init(kind: .namespaces, recorded: 0, observed: leaks.count, unrecorded: leaks)
    }
}

extension HeldNamespace: DocumentEncodable {
    /// For example `net:[4026532180] of web (0192…), held by pid 4121 (nc) of pod 0193…, task app,
    /// by its descriptor 5`.
    fileprivate var text: String {
        let whose = owner.map { " of \($0.name) (\($0.uid))" } ?? ""
        let by = holders.map { $0.text }.joined(separator: ", ")
        return "\(identity.kind.rawValue):[\(identity.inode)]\(whose), held by \(by)"
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", identity.kind.rawValue)
        writer.member("inode", identity.inode)
        writer.key("pod")
        if let owner {
            writer.beginObject()
            writer.member("name", owner.name.text)
            writer.member("uid", owner.uid)
            writer.endObject()
        } else {
            writer.null()
        }
        writer.member("inhabited", isInhabited)
        writer.key("holders")
        writer.beginArray()
        for holder in holders { holder.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }
}

extension SharedMount: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("mountPoint", mount.mountPoint)
        writer.member("type", mount.type)
        writer.key("pod")
        writer.beginObject()
        writer.member("name", name.text)
        writer.member("uid", pod)
        writer.endObject()
        writer.member("task", task.text)
        writer.member("source", source)
        writer.endObject()
    }
}

extension NamespaceHolder: DocumentEncodable {
    fileprivate var text: String {
        let pod = self.pod.map { " of pod \($0)" } ?? ""
        let task = self.task.map { ", task \($0)" } ?? ""
        return "pid \(pid) (\(command))\(pod)\(task) by its descriptor \(descriptor)"
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("pid", Int64(pid))
        writer.member("command", command)
        writer.member("pod", pod)
        writer.member("task", task?.text)
        writer.member("descriptor", Int64(descriptor))
        writer.endObject()
    }
}
