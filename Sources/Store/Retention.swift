// Pruning: whole operations become tombstones; tombstones, aliases and events go; what runs never
// does.

/// How much is kept. Both bounds hold: what is beyond the count goes, and so does what is too old.
/// Aliases have the bounds of tombstones. Ages are of running time, which no `date -s` changes.
package struct Retention: Equatable, Sendable {
    package var operationsKept: Int
    /// Milliseconds since the host's boot: an operation that ended earlier becomes a tombstone.
    package var operationsSince: Int64
    package var tombstonesKept: Int
    /// Milliseconds since the host's boot: a tombstone of an earlier end goes.
    package var tombstonesSince: Int64
    package var eventsKept: Int
    /// Milliseconds since the host's boot.
    package var now: Int64
    /// Since when the owner has looked after the store, in the same time.
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
    /// A time that is yet to come is of another clock: of a daemon from before, which wrote that of
    /// the wall, or of another boot. Since nothing is known of its age, it counts from the owner's
    /// start. This is the time from which on such rows are too old; `.max` while none are.
    func odd(since: Int64) -> Int64 { began < since ? now : .max }
}

/// How many rows there are of what is pruned.
struct Tally {
    var ended: Int64
    var tombstones: Int64
    var events: Int64
}

extension Store {
    /// Takes at most some hundred rows at a time, so that no caller waits long for the lock, and
    /// gives free pages back to the file system. `true` where there may be more to do. The ids that
    /// go are told by `forgotten()`, or by an alias, from the same transaction on.
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
                // Behind the aliases that go now, so that each is kept for its full number.
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

    /// The times of the ids that have gone, or may have; `nil` until it is set.
    package func forgotten() throws(StoreFailure) -> ForgottenTimes? {
        var found: ForgottenTimes?
        var isOdd = false
        try connection.run(.number, [.text("forgotten")]) { row in
            // Daemons from before wrote a watermark.
            let isWatermark = row.isInteger(0)
            found = isWatermark ? ForgottenTimes(until: row.integer(0)) : nil
            found = found ?? ForgottenTimes(bytes: row.bytes(0))
            isOdd = found == nil
        }
        // It may have said that an id is no longer kept.
        if isOdd { throw .corrupt("the record of what was forgotten") }
        return found
    }

    package func setForgotten(_ times: ForgottenTimes) throws(StoreFailure) {
        try connection.run(.setForgotten, [.blob(times.bytes)])
    }

    /// Answers those of `dropped` that bear no time.
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

    /// An alias of itself: an operation had this id, and is no longer kept.
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

/// Rows of one kind in one transaction: some milliseconds.
private let batch: Int64 = 256
