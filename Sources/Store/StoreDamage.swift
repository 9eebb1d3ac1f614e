// The result of a damaged store's salvage.

package struct StoreDamage: Equatable, Sendable {
    package struct Count: Equatable, Sendable {
        /// Rows in the new store.
        package var kept = 0
        /// Readable rows that did not fit into the available space.
        package var withoutRoom = 0
    }

    /// The old file's new path; its log is beside it.
    package var setAside: String
    /// The file's damage.
    package var found: String
    package var tables: [StoreTable: Count] = [:]
    /// Pods that have a record without content, because theirs was unreadable.
    package var adopted = 0
    /// The counter's new value. Higher than any earlier one, see `Salvage.margin`.
    package var revision: UInt64 = 0
    /// Whether events may be missing. Then `eventFloor()` is `revision`, so that a client that asks
    /// for earlier ones learns that they are gone.
    package var hasEventGap = false

    package var ranOutOfRoom: Bool { tables.values.contains { $0.withoutRoom > 0 } }
}

extension StoreDamage: CustomStringConvertible {
    /// One line for the log.
    package var description: String {
        let counts = StoreTable.allCases.compactMap { table -> String? in
            guard let count = tables[table] else { return nil }
            let room = count.withoutRoom > 0 ? ", \(count.withoutRoom) without room" : ""
            return "\(table.rawValue) \(count.kept) kept\(room)"
        }
        return "\(found); set aside as \(setAside); \(counts.joined(separator: "; ")); "
            + "\(adopted) pods adopted without their records; goes on at revision \(revision)"
    }
}
