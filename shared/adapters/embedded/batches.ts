import type { BatchRecord, BatchRef, Failure, NewBatch, StageRef } from "../../engine/records.ts";
import type { Json, JsonObject } from "../../json.ts";
import type { Database } from "./database.ts";
import { jsonOrNull, parseJson } from "./json-column.ts";
import type { StageRow } from "./stages.ts";

interface BatchRow {
  batch: number;
  state: BatchRecord["state"];
  scope: string;
  size: number;
  progress: string | null;
  attempts: number;
  failure: string | null;
  stuck: number;
}

/** The table of batches. Every method runs inside a transaction. */
export class Batches {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Adds batches after the last one of the stage; returns their numbers. */
  open(stage: StageRow, batches: readonly NewBatch[]): number[] {
    const sql = "INSERT INTO batches (stage_id, batch, state, scope, size) VALUES (?, ?, 'open', ?, ?)";
    return batches.map((batch, index) => {
      const number = stage.batches + index;
      this.#database.run(sql, stage.stage_id, number, JSON.stringify(batch.scope), batch.size);
      return number;
    });
  }

  get(stage: StageRow, ref: BatchRef): BatchRecord | undefined {
    const sql = "SELECT * FROM batches WHERE stage_id = ? AND batch = ?";
    const row = this.#database.get(sql, stage.stage_id, ref.batch) as BatchRow | undefined;
    return row && toBatch(ref, row);
  }

  listOpen(stage: StageRow, ref: StageRef, query: { after?: number; limit: number }): BatchRecord[] {
    const sql =
      "SELECT * FROM batches WHERE stage_id = ? AND batch > ? AND state = 'open' ORDER BY batch LIMIT ?";
    const rows = this.#database.all(sql, stage.stage_id, query.after ?? -1, query.limit);
    return rows.map((row) => toBatch(ref, row as unknown as BatchRow));
  }

  save(stage: StageRow, batch: BatchRecord): void {
    this.#database.run(
      `UPDATE batches SET progress = ?, attempts = ?, failure = ?, stuck = ?
       WHERE stage_id = ? AND batch = ? AND state = 'open'`,
      jsonOrNull(batch.progress),
      batch.attempts,
      jsonOrNull(batch.failure),
      Number(batch.stuck),
      stage.stage_id,
      batch.batch,
    );
  }

  /** Closes an open batch; false when it was not open. */
  close(stage: StageRow, ref: BatchRef, as: "done" | "cancelled"): boolean {
    const sql = "UPDATE batches SET state = ? WHERE stage_id = ? AND batch = ? AND state = 'open'";
    return this.#database.run(sql, as, stage.stage_id, ref.batch) === 1;
  }
}

function toBatch({ runId, track, stage }: StageRef, row: BatchRow): BatchRecord {
  return {
    runId,
    track,
    stage,
    batch: row.batch,
    scope: parseJson(row.scope) as JsonObject,
    size: row.size,
    state: row.state,
    ...(row.progress === null ? {} : { progress: parseJson(row.progress) as Json }),
    attempts: row.attempts,
    ...(row.failure === null ? {} : { failure: parseJson(row.failure) as Failure }),
    stuck: row.stuck === 1,
  };
}
