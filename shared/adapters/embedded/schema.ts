/** Marks a SQLite file as ours, in its header ("CMig"). */
export const applicationId = 0x434d6967;

/** Grows with every change of the tables below. */
export const schemaVersion = 1;

/**
 * The tables of the store. All are STRICT, so what is read has the type that was written. Times are REAL: milliseconds
 * since the epoch, exactly as JavaScript has them. Text is compared as UTF-8 bytes (collation BINARY), which is the
 * code-unit order of JavaScript for all text without characters beyond U+FFFF, and so for every name of Kubernetes.
 */
export const schema = `
  CREATE TABLE leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires_at REAL NOT NULL,
    taken_at REAL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, cluster TEXT NOT NULL, created_at REAL NOT NULL, version INTEGER NOT NULL,
    holds_cluster INTEGER NOT NULL, next_wake_at REAL, record TEXT NOT NULL, control TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_age ON runs (created_at, run_id);
  CREATE INDEX runs_of_cluster ON runs (cluster, created_at, run_id);
  CREATE UNIQUE INDEX runs_holding_cluster ON runs (cluster) WHERE holds_cluster = 1;
  CREATE INDEX runs_to_wake ON runs (next_wake_at) WHERE next_wake_at IS NOT NULL;

  CREATE TABLE events (
    run_id TEXT NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (run_id, sequence)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE stages (
    stage_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, track TEXT NOT NULL, stage TEXT NOT NULL,
    state TEXT NOT NULL, cursor TEXT, planned INTEGER NOT NULL, notes TEXT NOT NULL,
    started_at REAL NOT NULL, finished_at REAL,
    batches INTEGER NOT NULL DEFAULT 0, open_batches INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0, counts TEXT NOT NULL DEFAULT '{}',
    UNIQUE (run_id, track, stage)
  ) STRICT;

  CREATE TABLE batches (
    stage_id INTEGER NOT NULL, batch INTEGER NOT NULL, state TEXT NOT NULL, scope TEXT NOT NULL, size INTEGER NOT NULL,
    progress TEXT, attempts INTEGER NOT NULL DEFAULT 0, failure TEXT, stuck INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stage_id, batch)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX batches_open ON batches (stage_id, batch) WHERE state = 'open';

  CREATE TABLE ledgers (
    ledger_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, ledger TEXT NOT NULL, UNIQUE (run_id, ledger)
  ) STRICT;
  CREATE TABLE checkpoints (
    ledger_id INTEGER NOT NULL, rank INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, target TEXT NOT NULL,
    source_revision INTEGER NOT NULL, source_hash TEXT, target_uid TEXT, detail TEXT NOT NULL,
    PRIMARY KEY (ledger_id, rank, key)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX checkpoints_by_target ON checkpoints (ledger_id, target);

  CREATE TABLE messages (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, run_id TEXT NOT NULL, message TEXT NOT NULL,
    visible_at REAL NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0, receiver TEXT
  ) STRICT;
  CREATE INDEX messages_due ON messages (visible_at);
  CREATE INDEX messages_new ON messages (message, visible_at) WHERE deliveries = 0;

  CREATE TABLE artifacts (
    artifact_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL, writer TEXT NOT NULL,
    touched_at REAL NOT NULL, bytes INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE UNIQUE INDEX artifacts_visible ON artifacts (name) WHERE state = 'visible';
  CREATE TABLE chunks (
    artifact_id INTEGER NOT NULL, chunk INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (artifact_id, chunk)
  ) STRICT;

  CREATE TABLE clusters (name TEXT PRIMARY KEY, cluster TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Columns that stores of this schema version may lack: versions that know nothing of them go on to use these stores. */
export const addedColumns = [
  { table: "leases", column: "taken_at", type: "REAL" },
  { table: "messages", column: "receiver", type: "TEXT" },
] as const;
