// What became of a damaged store.

package struct StoreDamage: Equatable, Sendable {
    package struct Count: Equatable, Sendable {
        /// Rows that the new store has.
        package var kept = 0
        /// Rows that could be read and for which there was no room.
        package var withoutRoom = 0
    }

    /// Where the old file lies, its log beside it.
    package var setAside: String
    /// What was wrong with it.
    package var found: String
    package var tables: [StoreTable: Count] = [:]
    /// Pods that have a record without content, because theirs could not be read.
    package var adopted = 0
    /// Where the counter goes on. Higher than any that was handed out, see `Salvage.margin`.
    package var revision: UInt64 = 0
    /// Whether events may be missing; then `eventFloor()` is `revision`, so that whoever asks for
    /// what came before is told that it is gone.
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
