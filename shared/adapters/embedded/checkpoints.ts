import type { SQLInputValue } from "node:sqlite";
import type { CheckpointQuery } from "../../engine/ports.ts";
import type { Checkpoint, CheckpointId, CheckpointState, TargetCollision } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import type { Database } from "./database.ts";
import { parseJson } from "./json-column.ts";
import { isUniqueViolation } from "./sqlite-errors.ts";

interface CheckpointRow {
  rank: number;
  key: string;
  state: CheckpointState;
  target: string;
  source_revision: number;
  source_hash: string | null;
  target_uid: string | null;
  detail: string;
}

const columns = "rank, key, state, target, source_revision, source_hash, target_uid, detail";

// Leaves the target alone where it is the same, as it mostly is: writing its index again would cost as much as the rest.
const upsert = `
  INSERT INTO checkpoints (ledger_id, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (ledger_id, rank, key) DO UPDATE SET state = excluded.state, source_revision = excluded.source_revision,
    source_hash = excluded.source_hash, target_uid = excluded.target_uid, detail = excluded.detail
  WHERE target = excluded.target`;

const retarget = "UPDATE checkpoints SET target = ? WHERE ledger_id = ? AND rank = ? AND key = ?";

/** The tables of ledgers and checkpoints. Every method runs inside a transaction. */
export class Checkpoints {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  put(runId: string, ledger: string, checkpoints: readonly Checkpoint[]): TargetCollision[] {
    const ledgerId = this.#ledger(runId, ledger) ?? this.#addLedger(runId, ledger);
    return checkpoints.flatMap((checkpoint) => this.#putOne(ledgerId, checkpoint) ?? []);
  }

  get(runId: string, ledger: string, ids: readonly CheckpointId[]): Checkpoint[] {
    const ledgerId = this.#ledger(runId, ledger);
    if (ledgerId === undefined) return [];
    const sql = `SELECT ${columns} FROM checkpoints WHERE ledger_id = ? AND rank = ? AND key = ?`;
    return ids.flatMap((id) => this.#select(sql, ledgerId, id.rank, id.key));
  }

  findByTarget(runId: string, ledger: string, targets: readonly string[]): Checkpoint[] {
    const ledgerId = this.#ledger(runId, ledger);
    if (ledgerId === undefined) return [];
    return targets.flatMap((target) => this.#byTarget(ledgerId, target));
  }

  list(runId: string, ledger: string, query: CheckpointQuery): Checkpoint[] {
    const ledgerId = this.#ledger(runId, ledger);
    const conditions = ledgerId === undefined ? undefined : conditionsOf(ledgerId, query);
    if (conditions === undefined) return [];
    const where = conditions.map(([condition]) => condition).join(" AND ");
    return this.#select(
      `SELECT ${columns} FROM checkpoints WHERE ${where} ORDER BY rank, key LIMIT ?`,
      ...conditions.flatMap(([, ...values]) => values),
      query.limit,
    );
  }

  count(runId: string, ledger: string): Partial<Record<CheckpointState, number>> {
    const ledgerId = this.#ledger(runId, ledger);
    if (ledgerId === undefined) return {};
    const sql = "SELECT state, count(*) AS n FROM checkpoints WHERE ledger_id = ? GROUP BY state";
    const rows = this.#database.all(sql, ledgerId) as unknown as { state: CheckpointState; n: number }[];
    const counts: Partial<Record<CheckpointState, number>> = {};
    for (const { state, n } of rows) counts[state] = n;
    return counts;
  }

  #putOne(ledgerId: number, checkpoint: Checkpoint): TargetCollision | undefined {
    try {
      if (this.#upsert(ledgerId, checkpoint)) return undefined;
      this.#database.run(retarget, checkpoint.target, ledgerId, checkpoint.rank, checkpoint.key);
      this.#upsert(ledgerId, checkpoint);
      return undefined;
    } catch (error) {
      // Only the target can be taken by another key; SQLite undid the statement that failed, and no other.
      const [existing] = isUniqueViolation(error) ? this.#byTarget(ledgerId, checkpoint.target) : [];
      if (existing === undefined) throw error;
      return { target: checkpoint.target, key: checkpoint.key, existingKey: existing.key };
    }
  }

  /** False when the checkpoint is there with another target. */
  #upsert(ledgerId: number, checkpoint: Checkpoint): boolean {
    const changed = this.#database.run(
      upsert,
      ledgerId,
      checkpoint.rank,
      checkpoint.key,
      checkpoint.state,
      checkpoint.target,
      checkpoint.sourceRevision,
      checkpoint.sourceHash ?? null,
      checkpoint.targetUid ?? null,
      JSON.stringify(checkpoint.detail),
    );
    return changed === 1;
  }

  #byTarget(ledgerId: number, target: string): Checkpoint[] {
    return this.#select(
      `SELECT ${columns} FROM checkpoints WHERE ledger_id = ? AND target = ?`,
      ledgerId,
      target,
    );
  }

  #select(sql: string, ...values: SQLInputValue[]): Checkpoint[] {
    return this.#database.all(sql, ...values).map((row) => toCheckpoint(row as unknown as CheckpointRow));
  }

  #ledger(runId: string, ledger: string): number | undefined {
    const row = this.#database.get(
      "SELECT ledger_id FROM ledgers WHERE run_id = ? AND ledger = ?",
      runId,
      ledger,
    );
    return row && Number(row["ledger_id"]);
  }

  #addLedger(runId: string, ledger: string): number {
    const sql = "INSERT INTO ledgers (run_id, ledger) VALUES (?, ?) RETURNING ledger_id";
    return Number(this.#database.get(sql, runId, ledger)?.["ledger_id"]);
  }
}

/** Conditions that SQLite answers by one range of the primary key; undefined when none can match. */
function conditionsOf(ledgerId: number, query: CheckpointQuery): [string, ...SQLInputValue[]][] | undefined {
  const { rank, after, upTo, states } = query;
  const conditions: [string, ...SQLInputValue[]][] = [["ledger_id = ?", ledgerId]];
  if (rank === undefined) {
    if (after !== undefined) conditions.push(["(rank, key) > (?, ?)", after.rank, after.key]);
  } else {
    if (after !== undefined && after.rank > rank) return undefined;
    conditions.push(["rank = ?", rank]);
    if (after?.rank === rank) conditions.push(["key > ?", after.key]);
    if (upTo !== undefined) conditions.push(["key <= ?", upTo]);
  }
  if (states !== undefined) {
    conditions.push(["state IN (SELECT value FROM json_each(?))", JSON.stringify(states)]);
  }
  return conditions;
}

function toCheckpoint(row: CheckpointRow): Checkpoint {
  return {
    rank: row.rank,
    key: row.key,
    state: row.state,
    target: row.target,
    sourceRevision: row.source_revision,
    ...(row.source_hash === null ? {} : { sourceHash: row.source_hash }),
    ...(row.target_uid === null ? {} : { targetUid: row.target_uid }),
    detail: parseJson(row.detail) as JsonObject,
  };
}
