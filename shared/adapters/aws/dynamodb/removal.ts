import { batchLease, runLease } from "../../../engine/lease-names.ts";
import type { Clock } from "../../../engine/ports.ts";
import { isEnd, type RunRecord, type StageRef } from "../../../engine/records.ts";
import {
  batchPartition,
  controlKey,
  type Key,
  type KeyRange,
  leaseKey,
  ledgerPartition,
  listedRunKey,
  nameOf,
  rangeOf,
  removalKey,
  runKey,
  runPartition,
  stageRefOf,
  targetPartitions,
} from "./keys.ts";
import type { RunList } from "./run-list.ts";
import type { Table } from "./table.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** How many leases of batches are removed at a time. */
const LEASES = 1_000;

/**
 * Removes runs that ended long ago. Its rows do not expire by themselves: an ended run may still be rolled back, and
 * then nothing of it may be missing. So a run is taken out of every list first, in one transaction and on condition that
 * it is as it was read, and a note of that is left; what is recorded of it goes afterwards, and the note last.
 */
export class Removal {
  readonly #table: Table;
  readonly #list: RunList;
  readonly #clock: Pick<Clock, "now">;
  readonly #historyMs: number;

  constructor(table: Table, list: RunList, options: { clock: Pick<Clock, "now">; historyDays: number }) {
    this.#table = table;
    this.#list = list;
    this.#clock = options.clock;
    this.#historyMs = options.historyDays * DAY_MS;
  }

  async removeEnded(limit: number, signal: AbortSignal): Promise<string[]> {
    const removed: string[] = [];
    for await (const runId of this.#owed()) {
      if (removed.length >= limit || signal.aborted) break;
      if (await this.#sweep(runId, signal)) removed.push(runId);
    }
    return removed;
  }

  /** Runs whose removal was begun, then those whose time has come, each taken out of the lists when it is asked for. */
  async *#owed(): AsyncGenerator<string, void> {
    for await (const page of this.#table.query<Key>({ range: rangeOf("REMOVALS", "RUN#") })) {
      for (const { sk } of page) yield nameOf(sk.slice("RUN#".length));
    }
    const before = this.#clock.now() - this.#historyMs;
    for await (const page of this.#list.oldest(before)) {
      for (const run of page.filter((one) => isOver(one, before))) {
        if (await this.#takeOut(run)) yield run.runId;
      }
    }
  }

  async #takeOut(run: RunRecord): Promise<boolean> {
    const { runId, version } = run;
    const refusals = await this.#table.transact(() => [
      { remove: runKey(runId), if: { expression: "version = :read", values: { ":read": version } } },
      { remove: controlKey(runId) },
      { remove: listedRunKey(run) },
      { remove: listedRunKey(run, run.cluster) },
      { put: { ...removalKey(runId) } },
    ]);
    return refusals === undefined;
  }

  /** False when the signal came before the end. */
  async #sweep(runId: string, signal: AbortSignal): Promise<boolean> {
    const stages = await this.#keys(rangeOf(runPartition(runId), "STAGE#"));
    for (const ref of stages.map((key) => stageRefOf(runId, key))) {
      if (!(await this.#sweepLeases(ref, signal))) return false;
      if (!(await this.#sweepRange(rangeOf(batchPartition(ref), "BATCH#"), signal))) return false;
    }
    const ledgers = await this.#keys(rangeOf(runPartition(runId), "LEDGER#"));
    for (const ledger of ledgers.map(({ sk }) => nameOf(sk.slice("LEDGER#".length)))) {
      const targets = targetPartitions(runId, ledger).map((pk) => rangeOf(pk, "TARGET#"));
      for (const range of [...targets, rangeOf(ledgerPartition(runId, ledger), "CP#")]) {
        if (!(await this.#sweepRange(range, signal))) return false;
      }
    }
    for (const kind of ["EVENT#", "LEDGER#", "STAGE#"]) {
      if (!(await this.#sweepRange(rangeOf(runPartition(runId), kind), signal))) return false;
    }
    await this.#table.removeAll([leaseKey(runLease(runId)), removalKey(runId)]);
    return true;
  }

  /** The leases of a stage's batches. */
  async #sweepLeases(ref: StageRef, signal: AbortSignal): Promise<boolean> {
    const batches = await this.#keys(rangeOf(batchPartition(ref), "BATCH#"));
    for (let start = 0; start < batches.length; start += LEASES) {
      if (signal.aborted) return false;
      const numbers = batches.slice(start, start + LEASES).map((_, index) => start + index);
      await this.#table.removeAll(numbers.map((batch) => leaseKey(batchLease({ ...ref, batch }))));
    }
    return true;
  }

  async #sweepRange(range: KeyRange, signal: AbortSignal): Promise<boolean> {
    const only = { expression: "pk, sk" };
    for await (const page of this.#table.query<Key>({ range, only })) {
      if (signal.aborted) return false;
      await this.#table.removeAll(page);
    }
    return true;
  }

  async #keys(range: KeyRange): Promise<Key[]> {
    const keys: Key[] = [];
    for await (const page of this.#table.query<Key>({ range, only: { expression: "pk, sk" } }))
      keys.push(...page);
    return keys;
  }
}

/** It ended before that time, and everybody has been told. */
function isOver(run: RunRecord, before: number): boolean {
  const told = run.eventsDelivered >= run.eventSequence;
  return isEnd(run.state) && !run.holdsCluster && told && run.updatedAt < before;
}
