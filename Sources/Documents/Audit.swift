//  The account: what is recorded against what the kernel shows.

package import JSON
package import Model

/// `GET /v1/audit`.
package struct Audit: DocumentEncodable, Equatable, Sendable {
    /// Whether the kernel was looked at for this answer.
    package let fresh: Bool
    package let takenAt: Timestamp
    package let revision: UInt64
    package let resources: [AuditLine]
    /// The operations that put strays away now.
    package let operations: [UID]

    package init(
        fresh: Bool, takenAt: Timestamp, revision: UInt64, resources: [AuditLine],
        operations: [UID] = []
    ) {
        self.fresh = fresh
        self.takenAt = takenAt
        self.revision = revision
        self.resources = resources
        self.operations = operations
    }

    /// Nothing is there that is not recorded, and all that is recorded is there.
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
        writer.key("operations")
        writer.beginArray()
        for operation in operations { writer.value(operation.description) }
        writer.endArray()
        writer.endObject()
    }
}

/// The account of one kind of resource.
package struct AuditLine: DocumentEncodable, Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case pods, shims, cgroups, mounts, directories, sockets, processes, data, logs
    }

    package let kind: Kind
    package let recorded: Int
    package let observed: Int
    /// Names of what is there and stands in no record: leaks.
    package let unrecorded: [String]
    /// Names of what is recorded and not there.
    package let missing: [String]

    package init(
        kind: Kind, recorded: Int, observed: Int, unrecorded: [String] = [],
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
