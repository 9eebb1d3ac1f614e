// Pruning: old operations become tombstones; old tombstones, aliases and events are dropped.
// Running operations never are.

/// How much is kept. A row is pruned if it exceeds either the count or the age. Aliases have the
/// limits of tombstones. Ages are in running time, which `date -s` does not change.
package struct Retention: Equatable, Sendable {
    package var operationsKept: Int
    /// Milliseconds since the host's boot: an operation that ended earlier becomes a tombstone.
    package var operationsSince: Int64
    package var tombstonesKept: Int
    /// Milliseconds since the host's boot: a tombstone of an operation that ended earlier is
    /// dropped.
    package var tombstonesSince: Int64
    package var eventsKept: Int
    /// Milliseconds since the host's boot.
    package var now: Int64
    /// The start of the store's owner, in milliseconds since the host's boot.
    package var began: Int64

    package init(
        operationsKept: Int, operationsSince: Int64, tombstonesKept: Int, tombstonesSince: Int64,
        eventsKept: Int, now: Int64 = .max, began: Int64 = 0
    ) {
        self.now = now
        self.began = began
        self.operationsKept = operationsKept
        self.operationsSince = operationsSince
        self.tombstonesKept = tombstonesKept
        self.tombstonesSince = tombstonesSince
        self.eventsKept = eventsKept
    }
}

extension Retention {
    /// A time in the future is from another clock: an older daemon's wall clock, or another boot.
    /// Its age is unknown, so it counts from the owner's start. Returns the time from which such
    /// rows are too old; `.max` while none are.
    func odd(since: Int64) -> Int64 { began < since ? now : .max }
}

/// The number of rows of each prunable kind.
struct Tally {
    var ended: Int64
    var tombstones: Int64
    var events: Int64
}

extension Store {
    /// Prunes at most some hundred rows at a time, so that no caller waits long for the lock.
    /// Returns free pages to the file system. `true` if there may be more to prune. `forgotten()`,
    /// or an alias, records the dropped ids in the same transaction.
    package func prune(_ retention: Retention) throws(StoreFailure) -> Bool {
        var tally = try tallied()
        var hasMore = false
        do throws(StoreFailure) {
            try connection.transaction { () throws(StoreFailure) in
                var dropped: [RecordID] = []
                let entombed = try prune(
                    .entomb, tally.ended - Int64(retention.operationsKept),
                    since: retention.operationsSince, retention, &hasMore, &dropped)
                tally.ended -= entombed
                tally.tombstones += entombed
                tally.tombstones -= try prune(
                    .drop, tally.tombstones - Int64(retention.tombstonesKept),
                    since: retention.tombstonesSince, retention, &hasMore, &dropped)
                let timeless = try forget(dropped)
                try pruneAliases(retention, &hasMore)
                // After the aliases that are dropped now, so that each is kept for its full number.
                for id in timeless { try leadNowhere(id) }
                tally.events -= try pruneEvents(
                    tally.events - Int64(retention.eventsKept), &hasMore)
            }
        } catch {
            self.tally = nil
            throw error
        }
        self.tally = tally
        try connection.run(.giveBack)
        return hasMore
    }

    private func tallied() throws(StoreFailure) -> Tally {
        if let tally { return tally }
        return Tally(
            ended: try integer(.countStage, [.integer(1)]),
            tombstones: try integer(.countStage, [.integer(2)]),
            events: try integer(.countEvents))
    }

    /// Ends are stored in the order of their revisions, so the first rows of a stage are also the
    /// oldest.
    private func prune(
        _ query: Query, _ excess: Int64, since: Int64, _ retention: Retention,
        _ hasMore: inout Bool, _ dropped: inout [RecordID]
    ) throws(StoreFailure) -> Int64 {
        var pruned: Int64 = 0
        if excess > 0 {
            let values: [Value] = [
                .integer(min(excess, batch)), .integer(.max), .integer(.max),
            ]
            try connection.run(query, values) { row in dropped += row.id(0).map { [$0] } ?? [] }
            pruned = connection.changes
        }
        let values: [Value] = [
            .integer(batch), .integer(since), .integer(retention.odd(since: since)),
        ]
        try connection.run(query, values) { row in dropped += row.id(0).map { [$0] } ?? [] }
        hasMore = hasMore || excess > batch || connection.changes == batch
        return pruned + connection.changes
    }

    /// The times of the ids that were dropped, or may have been; `nil` until it is set.
    package func forgotten() throws(StoreFailure) -> ForgottenTimes? {
        var found: ForgottenTimes?
        var isOdd = false
        try connection.run(.number, [.text("forgotten")]) { row in
            // Older daemons stored a watermark.
            let isWatermark = row.isInteger(0)
            found = isWatermark ? ForgottenTimes(until: row.integer(0)) : nil
            found = found ?? ForgottenTimes(bytes: row.bytes(0))
            isOdd = found == nil
        }
        // The unreadable record may have contained the time of a dropped id.
        if isOdd { throw .corrupt("the record of what was forgotten") }
        return found
    }

    package func setForgotten(_ times: ForgottenTimes) throws(StoreFailure) {
        try connection.run(.setForgotten, [.blob(times.bytes)])
    }

    /// Returns the ids of `dropped` that contain no time.
    private func forget(_ dropped: [RecordID]) throws(StoreFailure) -> [RecordID] {
        let times = dropped.compactMap(\.time)
        if !times.isEmpty {
            let before = try forgotten() ?? ForgottenTimes()
            var after = before
            after.formUnion(times)
            if after != before { try setForgotten(after) }
        }
        return dropped.filter { $0.time == nil }
    }

    /// Stores an alias to itself: an operation had this id, and is no longer kept.
    private func leadNowhere(_ id: RecordID) throws(StoreFailure) {
        try connection.run(.insertAlias, [.id(id), .id(id), .integer(0), .integer(0)])
    }

    private func pruneAliases(
        _ retention: Retention, _ hasMore: inout Bool
    ) throws(StoreFailure) {
        var dropped: [RecordID] = []
        let since = retention.tombstonesSince
        let values: [Value] = [
            .integer(batch), .integer(since), .integer(retention.odd(since: since)),
            .integer(Int64(retention.tombstonesKept)),
        ]
        try connection.run(.dropAliases, values) { row in
            dropped += row.id(0).map { [$0] } ?? []
        }
        hasMore = hasMore || connection.changes == batch
        _ = try forget(dropped)
    }

    private func pruneEvents(
        _ excess: Int64, _ hasMore: inout Bool
    ) throws(StoreFailure) -> Int64 {
        guard excess > 0 else { return 0 }
        hasMore = hasMore || excess > batch
        let last = try integer(.lastOfFirstEvents, [.integer(min(excess, batch))])
        try connection.run(.dropEvents, [.integer(last)])
        let dropped = connection.changes
        try connection.run(.setMeta, [.text("event_floor"), .integer(last)])
        return dropped
    }
}

/// The most rows of one kind in one transaction: some milliseconds.
private let batch: Int64 = 256
