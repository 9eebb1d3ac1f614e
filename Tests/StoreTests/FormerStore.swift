// Stores as daemons of earlier versions left them.

@testable import Store

enum FormerStore {
    /// The tables of versions 2 and 3. The table `exits` had no rows.
    private static func tables(_ version: Int64) -> String {
        """
        CREATE TABLE pods(
            uid BLOB PRIMARY KEY, name TEXT NOT NULL, document BLOB NOT NULL) STRICT;
        CREATE TABLE operations(
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, removes INTEGER NOT NULL,
            pod_uid BLOB NOT NULL, pod_name TEXT NOT NULL,
            target_uid BLOB NOT NULL, task_name TEXT,
            stage INTEGER NOT NULL, revision INTEGER NOT NULL, finished_at INTEGER,
            document BLOB NOT NULL, tombstone BLOB, creation INTEGER) STRICT;
        CREATE INDEX operations_by_stage ON operations(stage, revision);
        CREATE INDEX removals_by_target ON operations(target_uid, revision) WHERE removes = 1;
        CREATE INDEX removals_by_pod ON operations(pod_name, revision)
            WHERE removes = 1 AND task_name IS NULL;
        CREATE INDEX removals_by_task ON operations(pod_uid, task_name, revision)
            WHERE removes = 1 AND task_name IS NOT NULL;
        CREATE TABLE aliases(
            id BLOB PRIMARY KEY, operation BLOB NOT NULL, fingerprint INTEGER NOT NULL,
            created_at INTEGER NOT NULL) STRICT;
        CREATE TABLE events(revision INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
        \(version < 3 ? exits : "")
        CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO meta VALUES ('revision', 0), ('event_floor', 0);
        \(version < 3 ? "INSERT INTO meta VALUES ('boot', '');" : "")
        CREATE INDEX operations_by_creation ON operations(creation);
        CREATE INDEX running_by_creation ON operations(creation) WHERE stage = 0;
        PRAGMA user_version = \(version);
        """
    }

    private static let exits = """
        CREATE TABLE exits(
            task_uid BLOB PRIMARY KEY, pod_uid BLOB NOT NULL, document BLOB NOT NULL) STRICT;
        """

    /// From version 2 to version 1, which had the order of creation only in the documents.
    private static let withoutCreation = """
        DROP INDEX operations_by_creation; DROP INDEX running_by_creation;
        ALTER TABLE operations DROP COLUMN creation; PRAGMA user_version = 1;
        """

    /// Makes a store of this version with the rows of `change`.
    static func make(_ version: Int64, _ scratch: Scratch, _ change: StoreChange) throws {
        let present = try Scratch()
        do { try Store(path: present.path).commit(change) }
        try Connection(path: scratch.path).execute(
            """
            \(Schema.layout) PRAGMA journal_mode = WAL; \(tables(version))
            ATTACH '\(present.path)' AS present;
            INSERT INTO pods SELECT * FROM present.pods;
            INSERT INTO operations SELECT * FROM present.operations;
            INSERT INTO aliases SELECT * FROM present.aliases;
            INSERT INTO events SELECT * FROM present.events;
            INSERT OR REPLACE INTO meta SELECT * FROM present.meta;
            DETACH present; \(version < 2 ? withoutCreation : "")
            """)
    }
}
