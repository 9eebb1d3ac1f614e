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

extension Store {
    /// Takes at most some hundred rows at a time, so that no caller waits long for the lock, and
    /// gives free pages back to the file system. `true` where there may be more to do.
    package func prune(_ retention: Retention) throws(StoreFailure) -> Bool {
        var pruned: Int64 = 0
        try connection.transaction { () throws(StoreFailure) in
            pruned += try prune(
                stage: 1, keep: retention.operationsKept, since: retention.operationsSince, .entomb)
            pruned += try prune(
                stage: 2, keep: retention.tombstonesKept, since: retention.tombstonesSince, .drop)
            pruned += try pruneAliases(
                keep: retention.tombstonesKept, since: retention.tombstonesSince)
            pruned += try pruneEvents(keep: retention.eventsKept)
        }
        try connection.run(.giveBack)
        return pruned > 0
    }

    /// Ends are stored in the order of their revisions, so the first rows of a stage are also the
    /// oldest by the clock; where the clock was set back they go a little later.
    private func prune(
        stage: Int64, keep: Int, since: Int64, _ query: Query
    ) throws(StoreFailure) -> Int64 {
        let excess = try integer(.countStage, [.integer(stage)]) - Int64(keep)
        var pruned: Int64 = 0
        if excess > 0 {
            try connection.run(query, [.integer(min(excess, batch)), .integer(.max)])
            pruned = connection.changes
        }
        try connection.run(query, [.integer(batch), .integer(since)])
        return pruned + connection.changes
    }

    private func pruneAliases(keep: Int, since: Int64) throws(StoreFailure) -> Int64 {
        try connection.run(
            .dropAliases, [.integer(batch), .integer(since), .integer(Int64(keep))])
        return connection.changes
    }

    private func pruneEvents(keep: Int) throws(StoreFailure) -> Int64 {
        let excess = try integer(.countEvents) - Int64(keep)
        guard excess > 0 else { return 0 }
        let last = try integer(.lastOfFirstEvents, [.integer(min(excess, batch))])
        try connection.run(.dropEvents, [.integer(last)])
        let dropped = connection.changes
        try connection.run(.setMeta, [.text("event_floor"), .integer(last)])
        return dropped
    }
}

/// Rows of one kind in one transaction: some milliseconds.
private let batch: Int64 = 256
