import type { SQLInputValue } from "node:sqlite";
import type { PlanStep } from "../../engine/ports.ts";
import type { StageRecord, StageRef } from "../../engine/records.ts";
import type { Json, JsonObject } from "../../json.ts";
import type { Database } from "./database.ts";
import { jsonOrNull, parseJson } from "./json-column.ts";

/** A row of the table of stages. */
export interface StageRow {
  stage_id: number;
  run_id: string;
  track: StageRef["track"];
  stage: string;
  state: StageRecord["state"];
  cursor: string | null;
  planned: number;
  notes: string;
  started_at: number;
  finished_at: number | null;
  batches: number;
  open_batches: number;
  total: number;
  counts: string;
}

/** The table of stages. Every method runs inside a transaction. */
export class Stages {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(ref: StageRef): StageRecord | undefined {
    const row = this.find(ref);
    return row && toStage(row);
  }

  list(runId: string): StageRecord[] {
    const rows = this.#database.all("SELECT * FROM stages WHERE run_id = ? ORDER BY stage_id", runId);
    return rows.map((row) => toStage(row as unknown as StageRow));
  }

  save(stage: StageRecord): void {
    this.#database.run(
      `INSERT INTO stages (run_id, track, stage, state, cursor, planned, notes, started_at, finished_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (run_id, track, stage) DO UPDATE SET state = excluded.state, cursor = excluded.cursor,
         planned = excluded.planned, notes = excluded.notes, started_at = excluded.started_at,
         finished_at = excluded.finished_at`,
      stage.runId,
      stage.track,
      stage.stage,
      stage.state,
      jsonOrNull(stage.cursor),
      Number(stage.planned),
      JSON.stringify(stage.notes),
      stage.startedAt,
      stage.finishedAt ?? null,
    );
  }

  find(ref: StageRef): StageRow | undefined {
    const sql = "SELECT * FROM stages WHERE run_id = ? AND track = ? AND stage = ?";
    return this.#database.get(sql, ref.runId, ref.track, ref.stage) as StageRow | undefined;
  }

  /** Records a step of planning: where it goes on, and what was opened. */
  addOpened(row: StageRow, step: PlanStep): StageRecord {
    const total = step.batches.reduce((sum, batch) => sum + batch.size, 0);
    return this.#update(
      row,
      `cursor = ?, planned = ?, batches = batches + ?, open_batches = open_batches + ?, total = total + ?`,
      jsonOrNull(step.cursor),
      Number(step.planned),
      step.batches.length,
      step.batches.length,
      total,
    );
  }

  /** Records that one batch was closed, and adds what it reported. */
  addClosed(row: StageRow, counts: Readonly<Record<string, number>>): StageRecord {
    const sums = JSON.parse(row.counts) as Record<string, number>;
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
    return this.#update(row, "open_batches = open_batches - 1, counts = ?", JSON.stringify(sums));
  }

  #update(row: StageRow, assignments: string, ...values: SQLInputValue[]): StageRecord {
    const sql = `UPDATE stages SET ${assignments} WHERE stage_id = ? RETURNING *`;
    return toStage(this.#database.get(sql, ...values, row.stage_id) as unknown as StageRow);
  }
}

function toStage(row: StageRow): StageRecord {
  return {
    runId: row.run_id,
    track: row.track,
    stage: row.stage,
    state: row.state,
    ...(row.cursor === null ? {} : { cursor: parseJson(row.cursor) as Json }),
    planned: row.planned === 1,
    batches: row.batches,
    openBatches: row.open_batches,
    total: row.total,
    counts: parseJson(row.counts) as Record<string, number>,
    notes: parseJson(row.notes) as JsonObject,
    startedAt: row.started_at,
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
  };
}
