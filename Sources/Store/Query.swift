// Every statement of the store, by name. Each is prepared at its first use.

enum Query: String {
    /// The statement for the table of version 3, which may contain any kind of target, too, but
    /// whose columns have the names of pods and tasks.
    var former: String {
        var sql = rawValue
        for (name, former) in Schema.formerColumns { sql = sql.replacing(name, with: former) }
        return sql
    }

    case begin = "BEGIN IMMEDIATE"
    case commit = "COMMIT"
    case rollback = "ROLLBACK"

    // Statements of a change.
    case upsertPod = """
        INSERT INTO pods(uid, name, document) VALUES (?1, ?2, ?3)
        ON CONFLICT(uid) DO UPDATE SET document = excluded.document
        """
    case removePod = "DELETE FROM pods WHERE uid = ?1"
    case upsertOperation = """
        INSERT INTO operations(id, kind, removes, owner_uid, owner_name, target_uid, part_name,
            stage, revision, finished_at, document, tombstone, creation)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        ON CONFLICT(id) DO UPDATE SET stage = excluded.stage, revision = excluded.revision,
            finished_at = excluded.finished_at, document = excluded.document,
            tombstone = excluded.tombstone, creation = excluded.creation
        """
    case stage = "SELECT stage FROM operations WHERE id = ?1"
    case insertAlias = """
        INSERT INTO aliases(id, operation, fingerprint, created_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT(id) DO NOTHING
        """
    case insertEvent = "INSERT INTO events(revision, document) VALUES (?1, ?2)"
    case setRevision = "UPDATE meta SET value = ?1 WHERE key = 'revision' AND value < ?1"

    // Statements that read.
    case pods = "SELECT uid, name, document FROM pods ORDER BY uid"
    case running = "SELECT document, stage FROM operations WHERE stage = 0 ORDER BY revision"
    case operationsAfter = """
        SELECT document, stage, creation, id FROM operations WHERE creation > ?1
        ORDER BY creation LIMIT ?2
        """
    case runningAfter = """
        SELECT document, stage, creation, id FROM operations INDEXED BY running_by_creation
        WHERE stage = 0 AND creation > ?1 ORDER BY creation LIMIT ?2
        """
    case operation = "SELECT document, stage FROM operations WHERE id = ?1"
    case alias = "SELECT operation, fingerprint FROM aliases WHERE id = ?1"
    case removalByTarget = """
        SELECT document, stage FROM operations WHERE removes = 1 AND target_uid = ?1
        ORDER BY revision DESC LIMIT 1
        """
    case removalByName = """
        SELECT document, stage FROM operations
        WHERE removes = 1 AND part_name IS NULL AND kind = ?1 AND owner_name = ?2
        ORDER BY revision DESC LIMIT 1
        """
    case removalByPart = """
        SELECT document, stage FROM operations
        WHERE removes = 1 AND part_name IS NOT NULL AND kind = ?1 AND owner_uid = ?2
            AND part_name = ?3
        ORDER BY revision DESC LIMIT 1
        """
    case lastRemoved = "SELECT max(target_uid) FROM operations WHERE removes = 1"
    case eventsAfter = """
        SELECT revision, document FROM events WHERE revision > ?1 ORDER BY revision LIMIT ?2
        """
    case oldestEvent = "SELECT min(revision) FROM events"
    case number = "SELECT value FROM meta WHERE key = ?1"
    case setMeta = "UPDATE meta SET value = ?2 WHERE key = ?1"

    // Statements that prune: at most ?1 rows that ended before ?2, or later than ?3
    // (`Retention.odd`). A count scans all rows, so it is done once.
    case countStage = "SELECT count(*) FROM operations WHERE stage = ?1"
    /// Inserts a new row instead of shortening the old one, which would leave its page half empty
    /// for good. Measured: 219 MB for 100,000 tombstones of 350 bytes, against 70 MB.
    case entomb = """
        INSERT OR REPLACE INTO operations(id, kind, removes, owner_uid, owner_name, target_uid,
            part_name, stage, revision, finished_at, document, tombstone, creation)
        SELECT id, kind, removes, owner_uid, owner_name, target_uid, part_name, 2, revision,
            finished_at, tombstone, NULL, creation
        FROM (SELECT * FROM operations WHERE stage = 1 ORDER BY revision LIMIT ?1)
        WHERE finished_at < ?2 OR finished_at > ?3
        """
    /// Namespaces and networks are rows of `meta`, so that a store of any version can contain them.
    case putMeta = """
        INSERT INTO meta(key, value) VALUES (?1, ?2)
        ON CONFLICT(key) DO UPDATE SET value = excluded.value
        """
    case namespaces = """
        SELECT key, value FROM meta WHERE key >= 'namespace ' AND key < 'namespace!'
        """
    case networks = """
        SELECT key, value FROM meta WHERE key >= 'network ' AND key < 'network!'
        """
    case removeMeta = "DELETE FROM meta WHERE key = ?1"
    case setForgotten = """
        INSERT INTO meta(key, value) VALUES ('forgotten', ?1)
        ON CONFLICT(key) DO UPDATE SET value = excluded.value
        """
    case drop = """
        DELETE FROM operations WHERE (finished_at < ?2 OR finished_at > ?3) AND rowid IN
            (SELECT rowid FROM operations WHERE stage = 2 ORDER BY revision LIMIT ?1)
        RETURNING id
        """
    /// Of the first ?1 rows, drops those older than ?2 and those beyond the last ?4. Row numbers
    /// are the order of insertion, so nothing is counted. An id without a time (a UUID not of
    /// version 7) leaves no trace when it is dropped, so only its number counts.
    case dropAliases = """
        DELETE FROM aliases WHERE rowid IN (SELECT rowid FROM aliases ORDER BY rowid LIMIT ?1)
            AND ((created_at < ?2 OR created_at > ?3) AND substr(hex(id), 13, 1) = '7'
                OR rowid <= (SELECT max(rowid) FROM aliases) - ?4)
        RETURNING id
        """
    case countEvents = "SELECT count(*) FROM events"
    case lastOfFirstEvents = """
        SELECT max(revision) FROM (SELECT revision FROM events ORDER BY revision LIMIT ?1)
        """
    case dropEvents = "DELETE FROM events WHERE revision <= ?1"
    case giveBack = "PRAGMA incremental_vacuum(256)"

    // Statements of a migration: the last of ?2 rows after ?1, and the rows from there to ?2.
    case endOfRows = """
        SELECT max(rowid) FROM
            (SELECT rowid FROM operations WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)
        """
    case fillCreation = """
        UPDATE operations SET creation = coalesce(
            CASE WHEN json_valid(CAST(document AS TEXT))
                THEN json_extract(CAST(document AS TEXT), '$.order') END, revision)
        WHERE rowid > ?1 AND rowid <= ?2
        """

    // Statements of a salvage; the most recently changed version of an operation wins.
    case rowsOfPage = "SELECT rowid, * FROM rows"
    case rowsOfPageBackwards = "SELECT rowid, * FROM rows ORDER BY rowid DESC"
    case allEvents = "SELECT revision, document FROM events"
    case keysOfPage = "SELECT key, value FROM keys WHERE more IS NULL"
    case salvageOperation = """
        INSERT INTO operations(id, kind, removes, owner_uid, owner_name, target_uid, part_name,
            stage, revision, finished_at, document, tombstone, creation)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13,
            CASE WHEN json_valid(CAST(?11 AS TEXT))
                THEN json_extract(CAST(?11 AS TEXT), '$.order') END, ?9))
        ON CONFLICT(id) DO UPDATE SET stage = excluded.stage, revision = excluded.revision,
            finished_at = excluded.finished_at, document = excluded.document,
            tombstone = excluded.tombstone, creation = excluded.creation
        WHERE excluded.revision > revision
        """
    case salvageEvent = """
        INSERT INTO events(revision, document) VALUES (?1, ?2) ON CONFLICT(revision) DO NOTHING
        """
    /// A name has one living pod: of two, the older one is gone.
    case dropDoubledPods = """
        DELETE FROM pods WHERE EXISTS
            (SELECT 1 FROM pods AS other WHERE other.name = pods.name AND other.uid > pods.uid)
        """
}
