// Pruning: whole operations become tombstones; tombstones, aliases and events go; what runs never
// does.

/// How much is kept. Both bounds hold: what is beyond the count goes, and so does what is too old.
/// Aliases have the bounds of tombstones.
package struct Retention: Equatable, Sendable {
    package var operationsKept: Int
    /// Milliseconds since 1970: a whole operation that ended earlier becomes a tombstone.
    package var operationsSince: Int64
    package var tombstonesKept: Int
    /// Milliseconds since 1970: a tombstone of an earlier end goes.
    package var tombstonesSince: Int64
    package var eventsKept: Int

    package init(
        operationsKept: Int, operationsSince: Int64, tombstonesKept: Int, tombstonesSince: Int64,
        eventsKept: Int
    ) {
        self.operationsKept = operationsKept
        self.operationsSince = operationsSince
        self.tombstonesKept = tombstonesKept
        self.tombstonesSince = tombstonesSince
        self.eventsKept = eventsKept
    }
}

/// How many rows there are of what is pruned.
struct Tally {
    var ended: Int64
    var tombstones: Int64
    var events: Int64
}

extension Store {
    /// Takes at most some hundred rows at a time, so that no caller waits long for the lock, and
    /// gives free pages back to the file system. `true` where there may be more to do.
    package func prune(_ retention: Retention) throws(StoreFailure) -> Bool {
        var tally = try tallied()
        var hasMore = false
        do throws(StoreFailure) {
            try connection.transaction { () throws(StoreFailure) in
                let entombed = try prune(
                    .entomb, tally.ended - Int64(retention.operationsKept),
                    since: retention.operationsSince, &hasMore)
                tally.ended -= entombed
                tally.tombstones += entombed
                let excess = tally.tombstones - Int64(retention.tombstonesKept)
                if excess > 0 { try forget(.lastDropped, [.integer(min(excess, batch))]) }
                tally.tombstones -= try prune(
                    .drop, excess, since: retention.tombstonesSince, &hasMore)
                try pruneAliases(
                    keep: retention.tombstonesKept, since: retention.tombstonesSince, &hasMore)
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
    /// oldest by the clock; where the clock was set back they go a little later.
    private func prune(
        _ query: Query, _ excess: Int64, since: Int64, _ hasMore: inout Bool
    ) throws(StoreFailure) -> Int64 {
        var pruned: Int64 = 0
        if excess > 0 {
            try connection.run(query, [.integer(min(excess, batch)), .integer(.max)])
            pruned = connection.changes
        }
        try connection.run(query, [.integer(batch), .integer(since)])
        hasMore = hasMore || excess > batch || connection.changes == batch
        return pruned + connection.changes
    }

    /// Milliseconds since 1970: of what was made by then something has gone because there was too
    /// much, and not because of its age. 0 where nothing has.
    package func forgotten() throws(StoreFailure) -> Int64 {
        try integer(.number, [.text("forgotten")])
    }

    private func forget(_ until: Query, _ values: [Value]) throws(StoreFailure) {
        let time = try integer(until, values)
        if time > 0 { try connection.run(.setForgotten, [.integer(time)]) }
    }

    private func pruneAliases(
        keep: Int, since: Int64, _ hasMore: inout Bool
    ) throws(StoreFailure) {
        try forget(.lastDroppedAlias, [.integer(batch), .integer(Int64(keep))])
        try connection.run(
            .dropAliases, [.integer(batch), .integer(since), .integer(Int64(keep))])
        hasMore = hasMore || connection.changes == batch
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
