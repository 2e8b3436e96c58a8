import type { Page } from "../../../engine/ports.ts";
import type { RunRecord } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import { type Key, listedRunId, listedRunKey, rangeOf, runKey, runListPartition } from "./keys.ts";
import { type RunItem, toRun } from "./run-item.ts";
import type { Table } from "./table.ts";

const PREFIX = "LISTED#";
const CURSOR = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#/;

/** The lists of all runs and of those of each cluster. */
export class RunList {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  async list(query: { cluster?: string; cursor?: string; limit: number }): Promise<Page<RunRecord>> {
    const { cluster, cursor, limit } = query;
    const whole = rangeOf(runListPartition(cluster), PREFIX);
    const range = cursor === undefined ? whole : { ...whole, last: `${PREFIX}${parseCursor(cursor)}` };
    const entries: Key[] = [];
    const pageSize = limit + 2;
    for await (const page of this.#table.query<Key>({
      range,
      descending: true,
      pageSize,
    })) {
      entries.push(...page.filter(({ sk }) => cursor === undefined || sk !== range.last));
      if (entries.length > limit) break;
    }
    const listed = entries.slice(0, limit);
    const items = await this.#records(listed.map(listedRunId));
    const last = listed.at(-1);
    return entries.length > limit && last !== undefined
      ? { items, cursor: last.sk.slice(PREFIX.length) }
      : { items };
  }

  /** Runs that were created before a time, oldest first, page by page. */
  async *oldest(before: number): AsyncGenerator<RunRecord[], void> {
    const { sk: last } = listedRunKey({ runId: "", createdAt: before });
    const range = { pk: runListPartition(), first: PREFIX, last };
    for await (const page of this.#table.query<Key>({ range, pageSize: 100 })) {
      yield await this.#records(page.map(listedRunId));
    }
  }

  /** In the order of their ids; without those that were removed meanwhile. */
  async #records(ids: readonly string[]): Promise<RunRecord[]> {
    const runs = (await this.#table.getAll<RunItem>(ids.map(runKey))).map(toRun);
    const byId = new Map(runs.map((run) => [run.runId, run]));
    return ids.map((runId) => byId.get(runId)).filter((run) => run !== undefined);
  }
}

function parseCursor(cursor: string): string {
  if (CURSOR.test(cursor)) return cursor;
  throw new MigratorError(
    "CURSOR_INVALID",
    "the cursor of the list of runs is not one that a list returned",
    {
      next: "List again from the start, without a cursor.",
    },
  );
}
