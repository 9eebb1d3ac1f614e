// The tables. Documents are opaque; columns contain only what is searched or sorted by.

enum Schema {
    /// `PRAGMA user_version`: increased with every change below, with a migration in
    /// Migration.swift. Version 2 added `operations.creation`; version 3 removed the table `exits`,
    /// which had no rows; version 4 renamed the columns of an operation's target, which had been
    /// those of pods and tasks.
    static let version: Int64 = 4

    /// The columns that version 4 renamed, and their former names.
    static let formerColumns = [
        ("owner_uid", "pod_uid"), ("owner_name", "pod_name"), ("part_name", "task_name"),
    ]

    /// A number below 0, or beyond this, is no version of ours, but damage in the file's head.
    static let farthest: Int64 = 1000

    /// In bytes; no store's file is shorter.
    static let pageSize: Int64 = 4096

    /// The first statement of a connection. One process owns the directory, so the WAL's index is
    /// on the heap instead of a mapped file, and transactions take no lock.
    static let ownership = "PRAGMA locking_mode = EXCLUSIVE;"

    /// A connection's settings, made before any record is read.
    ///
    /// - `synchronous = OFF`: the file is on tmpfs and ends with the boot; the writes of a killed
    ///   process are in the page cache.
    /// - `secure_delete`: a salvage that reads a page does not find deleted rows.
    /// - The cache holds 1 MiB (negative: KiB); the WAL is moved into the file every 256 pages
    ///   and never keeps more than 2 MiB.
    static let settings = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = OFF;
        PRAGMA mmap_size = 0;
        PRAGMA cache_size = -1024;
        PRAGMA journal_size_limit = 2097152;
        PRAGMA wal_autocheckpoint = 256;
        PRAGMA temp_store = MEMORY;
        PRAGMA trusted_schema = OFF;
        PRAGMA cell_size_check = ON;
        PRAGMA secure_delete = ON;
        """

    /// The layout of a new file. Either statement writes, so an existing file gets neither.
    static let layout = "PRAGMA page_size = \(pageSize); PRAGMA auto_vacuum = INCREMENTAL;"

    /// `operations.stage`: 0 is running, 1 has ended and is whole, 2 is a tombstone.
    /// `operations.kind` is the kind of the target, a dot, and a verb.
    /// `owner_uid`, `owner_name`: the object that the target is a part of, as a task is of a pod.
    /// If the target is no part, these are its own, and `part_name` is NULL. So a new kind of
    /// target needs no column.
    /// `creation` is the revision at which an operation was accepted.
    /// `aliases`: ids of requests that another request's operation answered. An id with itself as
    /// operation was an operation's that is no longer kept.
    /// `finished_at`, `created_at`: milliseconds since the host's boot, only for retention.
    /// New columns and indexes come last, as in a migrated file, because a salvage assumes that
    /// the events begin on the same page in every file.
    static let tables = """
        CREATE TABLE pods(
            uid BLOB PRIMARY KEY, name TEXT NOT NULL, document BLOB NOT NULL) STRICT;
        CREATE TABLE operations(
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, removes INTEGER NOT NULL,
            owner_uid BLOB NOT NULL, owner_name TEXT NOT NULL,
            target_uid BLOB NOT NULL, part_name TEXT,
            stage INTEGER NOT NULL, revision INTEGER NOT NULL, finished_at INTEGER,
            document BLOB NOT NULL, tombstone BLOB, creation INTEGER) STRICT;
        CREATE INDEX operations_by_stage ON operations(stage, revision);
        CREATE INDEX removals_by_target ON operations(target_uid, revision) WHERE removes = 1;
        \(removalIndexes)
        CREATE TABLE aliases(
            id BLOB PRIMARY KEY, operation BLOB NOT NULL, fingerprint INTEGER NOT NULL,
            created_at INTEGER NOT NULL) STRICT;
        CREATE TABLE events(revision INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
        CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO meta VALUES ('revision', 0), ('event_floor', 0);
        \(creationIndexes)
        PRAGMA user_version = \(version);
        """

    private static let removalIndexes = """
        CREATE INDEX removals_by_name ON operations(kind, owner_name, revision)
            WHERE removes = 1 AND part_name IS NULL;
        CREATE INDEX removals_by_part ON operations(owner_uid, part_name, revision)
            WHERE removes = 1 AND part_name IS NOT NULL;
        """

    static let creationIndexes = """
        CREATE INDEX operations_by_creation ON operations(creation);
        CREATE INDEX running_by_creation ON operations(creation) WHERE stage = 0;
        """

    /// The last step from version 2 to version 3.
    static let withoutExits = """
        DROP TABLE IF EXISTS exits;
        DELETE FROM meta WHERE key = 'boot';
        """

    /// The last step to the present version. It changes no row, so that it needs little space.
    static let withOwners = """
        DROP INDEX removals_by_pod;
        DROP INDEX removals_by_task;
        \(formerColumns.map { "ALTER TABLE operations RENAME COLUMN \($1) TO \($0);" }.joined())
        \(removalIndexes)
        PRAGMA user_version = \(version);
        """
}
