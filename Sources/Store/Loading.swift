// Reading: the records that a start needs, and look-ups of records that are not in memory.

import Bytes

/// An operation's stored document.
package struct StoredOperation: Equatable, Sendable {
    package let document: [UInt8]
    /// Whether the document is the short one.
    package let isTombstone: Bool

    package init(document: [UInt8], isTombstone: Bool) {
        self.document = document
        self.isTombstone = isTombstone
    }
}

/// An operation in the list of all; `creation` is its position there.
package typealias ListedOperation = (
    id: RecordID, creation: UInt64, isRunning: Bool, stored: StoredOperation
)

extension NamespaceRecord {
    /// The prefix of their keys in `meta`.
    static let prefix = "namespace "
}

extension NetworkRecord {
    /// The prefix of their keys in `meta`.
    static let prefix = "network "
}

extension RecordID {
    /// The key in `meta` of the network with this uid.
    var key: String {
        NetworkRecord.prefix
            + [high, low].map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 16 - digits.utf8.count) + digits
            }.joined()
    }

    /// `nil` if it is no such key.
    init?(key: String) {
        guard let digits = key.after(NetworkRecord.prefix), digits.utf8.count == 32,
            let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

extension StoredOperation {
    /// The first two columns of every query for operations.
    fileprivate init(_ row: borrowing Row) {
        self.init(document: row.bytes(0), isTombstone: row.integer(1) == 2)
    }
}

extension Store {
    /// All pods, ordered by uid, which is the order of their creation.
    package func pods() throws(StoreFailure) -> [PodRecord] {
        var pods: [PodRecord] = []
        var odd = 0
        try connection.run(.pods) { row in
            guard let uid = row.id(0) else { return odd += 1 }
            pods.append(PodRecord(uid: uid, name: row.text(1), document: row.bytes(2)))
        }
        // An unreadable record is never skipped.
        guard odd == 0 else { throw .corrupt("\(odd) pods without a uid") }
        return pods
    }

    /// The namespaces with known inode numbers, and their owners.
    package func namespaces() throws(StoreFailure) -> [NamespaceRecord] {
        var found: [NamespaceRecord] = []
        try connection.run(.namespaces) { row in
            let number = row.text(0).after(NamespaceRecord.prefix).flatMap { UInt64($0) }
            guard let number else { return }
            found.append(NamespaceRecord(inode: number, document: row.bytes(1)))
        }
        return found
    }

    /// All networks, in no order.
    package func networks() throws(StoreFailure) -> [NetworkRecord] {
        var found: [NetworkRecord] = []
        try connection.run(.networks) { row in
            guard let uid = RecordID(key: row.text(0)) else { return }
            found.append(NetworkRecord(uid: uid, document: row.bytes(1)))
        }
        return found
    }

    /// The documents of all running operations, the least recently changed first.
    package func runningOperations() throws(StoreFailure) -> [[UInt8]] {
        try operations(.running).map(\.document)
    }

    /// At most `limit` operations accepted after `creation`, in that order: all, or only the
    /// running ones. Stops after the documents have `bytes`, but returns at least one.
    package func operations(
        after creation: UInt64, limit: Int, bytes: Int, onlyRunning: Bool
    ) throws(StoreFailure) -> [ListedOperation] {
        try orderByCreation()
        var listed: [ListedOperation] = []
        var room = bytes
        try connection.run(
            onlyRunning ? .runningAfter : .operationsAfter,
            [.revision(creation), .integer(Int64(limit))]
        ) { row in
            guard room > 0, let id = row.id(3) else { return }
            let stored = StoredOperation(row)
            room -= stored.document.count
            let creation = UInt64(clamping: row.integer(2))
            listed.append((id, creation, row.integer(1) == 0, stored))
        }
        return listed
    }

    package func operation(_ id: RecordID) throws(StoreFailure) -> StoredOperation? {
        try operations(.operation, [.id(id)]).first
    }

    /// The operation that answered the request with this id, and that request's fingerprint.
    package func alias(
        _ id: RecordID
    ) throws(StoreFailure) -> (operation: RecordID, fingerprint: UInt64)? {
        var found: (operation: RecordID, fingerprint: UInt64)?
        var isOdd = false
        try connection.run(.alias, [.id(id)]) { row in
            found = row.id(0).map { ($0, UInt64(bitPattern: row.integer(1))) }
            isOdd = found == nil
        }
        // If it counted as missing, a late retry would pass for a new request.
        if isOdd { throw .corrupt("an alias that leads to no id") }
        return found
    }

    /// The newest operation that removes the object with this uid.
    package func removal(ofTarget uid: RecordID) throws(StoreFailure) -> StoredOperation? {
        try operations(.removalByTarget, [.id(uid)]).first
    }

    /// The newest operation of this kind that removes an object of this name.
    package func removal(
        _ kind: String, of name: String
    ) throws(StoreFailure) -> StoredOperation? {
        try operations(.removalByName, [.text(kind), .text(name)]).first
    }

    /// The newest operation of this kind that removes a part of this name from one incarnation of
    /// its owner.
    package func removal(
        _ kind: String, of part: String, in owner: RecordID
    ) throws(StoreFailure) -> StoredOperation? {
        try operations(.removalByPart, [.text(kind), .id(owner), .text(part)]).first
    }

    /// The greatest uid of the objects with kept removals.
    package func lastRemovedUID() throws(StoreFailure) -> RecordID? {
        var last: RecordID?
        try connection.run(.lastRemoved) { row in last = row.id(0) }
        return last
    }

    /// At most `limit` events after `revision`, the oldest first. Complete from `eventFloor()` on.
    package func events(
        after revision: UInt64, limit: Int
    ) throws(StoreFailure) -> [EventRecord] {
        var events: [EventRecord] = []
        try connection.run(.eventsAfter, [.revision(revision), .integer(Int64(limit))]) { row in
            events.append(
                EventRecord(revision: UInt64(clamping: row.integer(0)), document: row.bytes(1)))
        }
        return events
    }

    /// The revision of the oldest kept event; `nil` if there is none.
    package func oldestEvent() throws(StoreFailure) -> UInt64? {
        let oldest = try integer(.oldestEvent)
        return oldest == 0 ? nil : UInt64(clamping: oldest)
    }

    /// The revision of the newest pruned event, or 0. A client that has seen all events up to here
    /// continues without a gap. Revisions have gaps, so the oldest kept event does not show that.
    package func eventFloor() throws(StoreFailure) -> UInt64 {
        try UInt64(clamping: integer(.number, [.text("event_floor")]))
    }

    private func operations(
        _ query: Query, _ values: [Value] = []
    ) throws(StoreFailure) -> [StoredOperation] {
        var operations: [StoredOperation] = []
        try connection.run(query, values) { row in
            operations.append(StoredOperation(row))
        }
        return operations
    }
}
