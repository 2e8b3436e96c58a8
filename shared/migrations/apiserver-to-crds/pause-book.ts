import { z } from "zod";
import { ledgerPages } from "../../engine/ledger.ts";
import type { CheckpointState } from "../../engine/records.ts";
import type { GitOpsParts } from "../../kubernetes/gitops/act.ts";
import type { PauseBook } from "../../kubernetes/gitops/pause-managers.ts";
import { managerKey, SavedPause } from "../../kubernetes/gitops/saved-pause.ts";
import { fieldManager } from "../context.ts";
import { type Context, pausedManagers } from "./context.ts";

const PAGE = 100;
const RANK = 1;

/** `order`: managers are put back in the reverse order. */
const Row = z.object({ order: z.int(), saved: SavedPause });

/** Keeps what was found of managers in the run's ledger. */
export function pauseBook(context: Context): PauseBook {
  const ledger = pausedManagers(context);
  return {
    find: async (manager) => {
      const [row] = await ledger.get([{ rank: RANK, key: managerKey(manager) }]);
      return row === undefined ? undefined : Row.parse(row.detail).saved;
    },
    keep: async (saved) => {
      const key = managerKey(saved);
      const [before] = await ledger.get([{ rank: RANK, key }]);
      const order = before === undefined ? await countOf(context) : Row.parse(before.detail).order;
      await put(context, { order, saved }, "applied");
    },
  };
}

/** What was found of all managers that this run has paused and not put back, in the order of pausing. */
export async function pausedInOrder(context: Context): Promise<SavedPause[]> {
  const rows: z.infer<typeof Row>[] = [];
  for await (const page of ledgerPages(pausedManagers(context), { states: ["applied"], limit: PAGE }))
    rows.push(...page.map(({ detail }) => Row.parse(detail)));
  return rows.sort((a, b) => a.order - b.order).map(({ saved }) => saved);
}

/** What was found of all managers that this run has ever paused. */
export async function everPaused(context: Context): Promise<SavedPause[]> {
  const all: SavedPause[] = [];
  for await (const page of ledgerPages(pausedManagers(context), { limit: PAGE }))
    all.push(...page.map(({ detail }) => Row.parse(detail).saved));
  return all;
}

/** Remembers that managers are back as they were found. */
export async function markResumed(context: Context, saved: readonly SavedPause[]): Promise<void> {
  for (const [order, one] of saved.entries()) await put(context, { order, saved: one }, "reverted");
}

/** What pausing and resuming work with. */
export function gitOpsParts(context: Context): GitOpsParts {
  return {
    api: context.connections.kubernetes,
    fieldManager: fieldManager(context),
    ensureHeld: () => {
      context.ensureHeld();
    },
    signal: context.signal,
  };
}

async function countOf(context: Context): Promise<number> {
  const counts = await pausedManagers(context).count();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

async function put(context: Context, row: z.infer<typeof Row>, state: CheckpointState): Promise<void> {
  const key = managerKey(row.saved);
  await pausedManagers(context).put([
    { rank: RANK, key, state, target: key, sourceRevision: 0, targetUid: row.saved.uid, detail: { ...row } },
  ]);
}
