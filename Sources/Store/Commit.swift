// Writing: one change is one transaction.

extension Store {
    /// Stores all of `change`, or nothing of it.
    package func commit(_ change: StoreChange) throws(StoreFailure) {
        try addCreationColumn()
        var ended: Int64 = 0
        try connection.transaction { () throws(StoreFailure) in
            for pod in change.pods { try put(pod) }
            for uid in change.removedPods { try connection.run(.removePod, [.id(uid)]) }
            for operation in change.operations where try put(operation) { ended += 1 }
            for alias in change.aliases { try put(alias) }
            for event in change.events { try put(event) }
            for namespace in change.namespaces { try put(namespace) }
            for network in change.networks {
                try connection.run(.putMeta, [.text(network.uid.key), .blob(network.document)])
            }
            for uid in change.removedNetworks { try connection.run(.removeMeta, [.text(uid.key)]) }
            try connection.run(.setRevision, [.revision(change.revision)])
        }
        tally?.ended += ended
        tally?.events += Int64(change.events.count)
    }

    private func put(_ pod: PodRecord) throws(StoreFailure) {
        try connection.run(.upsertPod, [.id(pod.uid), .text(pod.name), .blob(pod.document)])
    }

    /// Returns whether this change ends the operation.
    private func put(_ operation: OperationRecord) throws(StoreFailure) -> Bool {
        var hadEnded = false
        if operation.ending != nil {
            try connection.run(.stage, [.id(operation.id)]) { hadEnded = $0.integer(0) != 0 }
        }
        try connection.run(
            .upsertOperation,
            [
                .id(operation.id), .text(operation.kind), .integer(operation.removes ? 1 : 0),
                .id(operation.target.ownerUID), .text(operation.target.ownerName),
                .id(operation.target.uid), Value(operation.target.partName),
                .integer(operation.ending == nil ? 0 : 1), .revision(operation.revision),
                operation.ending.map { .integer($0.finishedAt) } ?? .null,
                .blob(operation.document), operation.ending.map { .blob($0.tombstone) } ?? .null,
                .revision(operation.creation),
            ])
        return operation.ending != nil && !hadEnded
    }

    private func put(_ namespace: NamespaceRecord) throws(StoreFailure) {
        let key = NamespaceRecord.prefix + "\(namespace.inode)"
        try connection.run(.putMeta, [.text(key), .blob(namespace.document)])
    }

    private func put(_ alias: AliasRecord) throws(StoreFailure) {
        try connection.run(
            .insertAlias,
            [
                .id(alias.id), .id(alias.operation),
                .integer(Int64(bitPattern: alias.fingerprint)), .integer(alias.createdAt),
            ])
    }

    private func put(_ event: EventRecord) throws(StoreFailure) {
        try connection.run(.insertEvent, [.revision(event.revision), .blob(event.document)])
    }
}

extension Value {
    /// A counter that starts at 1 never reaches SQLite's 63 bits.
    static func revision(_ revision: UInt64) -> Value { .integer(Int64(clamping: revision)) }
}
