// The store's input, as values: opaque documents with the few columns that are searched.

/// The 128 bits of a UUID. The store does not depend on the model, so it has its own type.
package struct RecordID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

package struct PodRecord: Equatable, Sendable {
    package let uid: RecordID
    package let name: String
    package let document: [UInt8]

    package init(uid: RecordID, name: String, document: [UInt8]) {
        self.uid = uid
        self.name = name
        self.document = document
    }
}

package struct NetworkRecord: Equatable, Sendable {
    package let uid: RecordID
    package let document: [UInt8]

    package init(uid: RecordID, document: [UInt8]) {
        self.uid = uid
        self.document = document
    }
}

/// The object of an operation, as far as operations are searched by it.
package struct RecordTarget: Equatable, Sendable {
    package let uid: RecordID
    /// The object that the target is a part of (a task's pod), or else the target itself.
    package let ownerUID: RecordID
    package let ownerName: String
    /// The target's name in its owner; `nil` if the target is its own owner.
    package let partName: String?

    /// An object that is no part of another.
    package init(name: String, uid: RecordID) {
        self.uid = uid
        ownerUID = uid
        ownerName = name
        partName = nil
    }

    package init(part name: String, uid: RecordID, of ownerName: String, ownerUID: RecordID) {
        self.uid = uid
        self.ownerUID = ownerUID
        self.ownerName = ownerName
        partName = name
    }
}

package struct OperationRecord: Equatable, Sendable {
    /// The fields that an operation has from its end on.
    package struct Ending: Equatable, Sendable {
        /// Milliseconds since the host's boot: only for retention, never for order.
        package let finishedAt: Int64
        /// The short document that replaces the whole one when that is pruned. Stored at the end,
        /// so that pruning is one statement without parsing.
        package let tombstone: [UInt8]

        package init(finishedAt: Int64, tombstone: [UInt8]) {
            self.finishedAt = finishedAt
            self.tombstone = tombstone
        }
    }

    package let id: RecordID
    /// The kind of the target, a dot, and a verb: `pod.delete`.
    package let kind: String
    /// Whether it deletes its target, so that it is found by the target's uid and name.
    package let removes: Bool
    package let target: RecordTarget
    /// The global counter at its last change: the order of loading and pruning.
    package let revision: UInt64
    /// The global counter at its first change: the order in lists.
    package let creation: UInt64
    package let document: [UInt8]
    /// `nil` while it runs.
    package let ending: Ending?

    package init(
        id: RecordID, kind: String, removes: Bool, target: RecordTarget, revision: UInt64,
        creation: UInt64, document: [UInt8], ending: Ending? = nil
    ) {
        self.id = id
        self.kind = kind
        self.removes = removes
        self.target = target
        self.revision = revision
        self.creation = creation
        self.document = document
        self.ending = ending
    }
}

/// An id of a request that another request's operation answered.
package struct AliasRecord: Equatable, Sendable {
    package let id: RecordID
    package let operation: RecordID
    /// The fingerprint of the request with `id`.
    package let fingerprint: UInt64
    /// Milliseconds since the host's boot: only for retention.
    package let createdAt: Int64

    package init(id: RecordID, operation: RecordID, fingerprint: UInt64, createdAt: Int64) {
        self.id = id
        self.operation = operation
        self.fingerprint = fingerprint
        self.createdAt = createdAt
    }
}

package struct EventRecord: Equatable, Sendable {
    /// Unique: a second event of a revision is refused, with the whole change.
    package let revision: UInt64
    package let document: [UInt8]

    package init(revision: UInt64, document: [UInt8]) {
        self.revision = revision
        self.document = document
    }
}

package struct NamespaceRecord: Equatable, Sendable {
    package let inode: UInt64
    package let document: [UInt8]

    package init(inode: UInt64, document: [UInt8]) {
        self.inode = inode
        self.document = document
    }
}

/// The content of one transaction: all of it is stored, or nothing.
package struct StoreChange: Equatable, Sendable {
    package var pods: [PodRecord] = []
    /// By uid; removing a missing pod is no failure.
    package var removedPods: [RecordID] = []
    /// Each replaces the record with the same uid.
    package var networks: [NetworkRecord] = []
    package var removedNetworks: [RecordID] = []
    package var operations: [OperationRecord] = []
    /// The first alias of an id wins.
    package var aliases: [AliasRecord] = []
    package var events: [EventRecord] = []
    /// Each replaces the record with the same number.
    package var namespaces: [NamespaceRecord] = []
    /// The global counter after the change; the store never lowers its own.
    package var revision: UInt64

    package init(revision: UInt64) { self.revision = revision }
}
