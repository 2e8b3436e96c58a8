import { ClusterBusyError, RunChangedError, RunExistsError, RunNotFoundError } from "../../engine/errors.ts";
import type { Page } from "../../engine/ports.ts";
import type { DomainEvent, RunControl, RunRecord } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { Database, Row } from "./database.ts";

/** The tables of runs, their controls and events. Every method runs inside a transaction. */
export class Runs {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  create(run: RunRecord, control: RunControl): void {
    if (this.#find("version", run.runId) !== undefined) throw new RunExistsError(run.runId);
    this.#checkCluster(run);
    this.#database.run(
      `INSERT INTO runs (run_id, cluster, created_at, version, holds_cluster, next_wake_at, record, control)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      run.runId,
      run.cluster,
      run.createdAt,
      run.version,
      Number(run.holdsCluster),
      run.nextWakeAt ?? null,
      JSON.stringify(run),
      JSON.stringify(control),
    );
  }

  get(runId: string): RunRecord | undefined {
    const row = this.#find("record", runId);
    return row && parseRun(row);
  }

  list(query: { cluster?: string; cursor?: string; limit: number }): Page<RunRecord> {
    const [createdAt, runId] = query.cursor === undefined ? [Infinity, ""] : parseCursor(query.cursor);
    const ofCluster = query.cluster === undefined ? "" : "cluster = ? AND";
    const rows = this.#database.all(
      `SELECT record FROM runs WHERE ${ofCluster} (created_at, run_id) < (?, ?)
       ORDER BY created_at DESC, run_id DESC LIMIT ?`,
      ...(query.cluster === undefined ? [] : [query.cluster]),
      createdAt,
      runId,
      query.limit + 1,
    );
    const items = rows.slice(0, query.limit).map(parseRun);
    const last = items.at(-1);
    return rows.length > items.length && last ? { items, cursor: cursorOf(last) } : { items };
  }

  save(run: RunRecord, events: readonly DomainEvent[]): RunRecord {
    const stored = this.#find("version", run.runId)?.["version"];
    if (stored === undefined) throw new RunNotFoundError(run.runId);
    if (stored !== run.version) throw new RunChangedError(run.runId, run.version, Number(stored));
    this.#checkCluster(run);
    const saved = { ...run, version: run.version + 1 };
    this.#database.run(
      "UPDATE runs SET version = ?, holds_cluster = ?, next_wake_at = ?, record = ? WHERE run_id = ?",
      saved.version,
      Number(saved.holdsCluster),
      saved.nextWakeAt ?? null,
      JSON.stringify(saved),
      saved.runId,
    );
    for (const event of events) this.#append(event);
    return saved;
  }

  getControl(runId: string): RunControl | undefined {
    const row = this.#find("control", runId);
    return row && (JSON.parse(String(row["control"])) as RunControl);
  }

  updateControl(runId: string, change: (control: RunControl) => RunControl): RunControl {
    const control = this.getControl(runId);
    if (control === undefined) throw new RunNotFoundError(runId);
    const changed = change(control);
    this.#database.run("UPDATE runs SET control = ? WHERE run_id = ?", JSON.stringify(changed), runId);
    return changed;
  }

  due(now: number, limit: number): string[] {
    const sql = "SELECT run_id FROM runs WHERE next_wake_at <= ? ORDER BY next_wake_at, run_id LIMIT ?";
    return this.#database.all(sql, now, limit).map((row) => String(row["run_id"]));
  }

  listEvents(query: { runId: string; after: number; limit: number }): DomainEvent[] {
    const sql = "SELECT event FROM events WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?";
    const rows = this.#database.all(sql, query.runId, query.after, query.limit);
    return rows.map((row) => JSON.parse(String(row["event"])) as DomainEvent);
  }

  #find(column: "record" | "control" | "version", runId: string): Row | undefined {
    return this.#database.get(`SELECT ${column} FROM runs WHERE run_id = ?`, runId);
  }

  #checkCluster(run: RunRecord): void {
    if (!run.holdsCluster) return;
    const sql = "SELECT run_id FROM runs WHERE cluster = ? AND holds_cluster = 1 AND run_id <> ?";
    const other = this.#database.get(sql, run.cluster, run.runId);
    if (other !== undefined) throw new ClusterBusyError(run.cluster, String(other["run_id"]));
  }

  #append(event: DomainEvent): void {
    const sql = "INSERT INTO events (run_id, sequence, event) VALUES (?, ?, ?)";
    this.#database.run(sql, event.runId, event.sequence, JSON.stringify(event));
  }
}

function parseRun(row: Row): RunRecord {
  return JSON.parse(String(row["record"])) as RunRecord;
}

function cursorOf(run: RunRecord): string {
  return `${run.createdAt}:${run.runId}`;
}

function parseCursor(cursor: string): [number, string] {
  const separator = cursor.indexOf(":");
  const createdAt = Number(cursor.slice(0, Math.max(separator, 0)) || Number.NaN);
  if (Number.isNaN(createdAt)) {
    throw new MigratorError(
      "CURSOR_INVALID",
      "the cursor of the list of runs is not one that a list returned",
      {
        next: "List again from the start, without a cursor.",
      },
    );
  }
  return [createdAt, cursor.slice(separator + 1)];
}
