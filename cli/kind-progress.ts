import { z } from "zod";
import { type Ledger, ledgerPages, openLedger } from "../shared/engine/ledger.ts";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import type { Checkpoint, StageRecord } from "../shared/engine/records.ts";
import { textAt } from "../shared/kubernetes/fields.ts";

const PAGE = 1000;

/** How far the resources of one kind are. */
export interface KindProgress {
  kind: string;
  /** Copied, or left out by a person's decision. */
  done: number;
  /** As preflight has counted, and what came since. */
  total: number;
  conflicts: number;
  failed: number;
}

/** How far each kind is that preflight has counted; none before it has. */
export async function kindProgress(
  store: CheckpointStore,
  runId: string,
  stages: readonly StageRecord[],
): Promise<KindProgress[]> {
  const counted = stages.find(({ stage }) => stage === "preflight")?.notes["byKind"];
  const totals = Object.entries(z.record(z.string(), z.int()).safeParse(counted).data ?? {});
  const byKind = new Map(totals.map(([kind, total]) => [kind, new Tally(kind, total)]));
  if (byKind.size === 0) return [];
  for await (const page of ledgerPages(readOnlyLedger(store, runId, "resources"), { limit: PAGE }))
    for (const row of page) byKind.get(textAt(row.detail, "kind"))?.count(row);
  return [...byKind.values()].map((tally) => tally.progress());
}

class Tally {
  readonly #kind: string;
  readonly #counted: number;
  #seen = 0;
  #done = 0;
  #conflicts = 0;
  #failed = 0;

  constructor(kind: string, counted: number) {
    this.#kind = kind;
    this.#counted = counted;
  }

  /** What was taken away again does not count, but what a person has left out is settled. */
  count({ state, detail }: Checkpoint): void {
    if (state === "reverted" && detail["resolved"] !== "skip") return;
    this.#seen++;
    if (state === "conflict") this.#conflicts++;
    else if (state === "failed") this.#failed++;
    else if (state !== "pending") this.#done++;
  }

  progress(): KindProgress {
    const total = Math.max(this.#counted, this.#seen);
    return { kind: this.#kind, done: this.#done, total, conflicts: this.#conflicts, failed: this.#failed };
  }
}

/** A ledger of a run, for reading alone. */
export function readOnlyLedger(store: CheckpointStore, runId: string, name: string): Ledger {
  return openLedger(store, runId, name, () => {
    throw new Error("a description writes nothing");
  });
}

/** Of how many kinds everything is done, in words; undefined where nothing was counted. Kinds without resources are done once others are under way. */
export function progressText(progress: readonly KindProgress[]): string | undefined {
  if (progress.length === 0) return undefined;
  const hasBegun = progress.some(({ done, conflicts, failed }) => done + conflicts + failed > 0);
  const complete = progress.filter(({ done, total }) => hasBegun && done === total);
  return `${complete.length} / ${progress.length} kinds`;
}
