import type { CheckpointQuery, CheckpointStore } from "./ports.ts";
import type { Checkpoint, CheckpointId, CheckpointState, Lease, TargetCollision } from "./records.ts";

/** The checkpoints of one run under one name, written under the lease of whoever works with it. */
export interface Ledger {
  /** Adds or replaces; returns those that were refused because another key has the target. */
  put(checkpoints: readonly Checkpoint[]): Promise<TargetCollision[]>;
  get(ids: readonly CheckpointId[]): Promise<Checkpoint[]>;
  findByTarget(targets: readonly string[]): Promise<Checkpoint[]>;
  list(query: CheckpointQuery): Promise<Checkpoint[]>;
  count(): Promise<Partial<Record<CheckpointState, number>>>;
}

/** Binds a store's checkpoints to a run, a name and the lease that `lease` gives at the time of each write. */
export function openLedger(store: CheckpointStore, runId: string, name: string, lease: () => Lease): Ledger {
  return {
    put: async (checkpoints) =>
      checkpoints.length === 0 ? [] : store.putCheckpoints(runId, name, checkpoints, lease()),
    get: (ids) => store.getCheckpoints(runId, name, ids),
    findByTarget: (targets) => store.findByTarget(runId, name, targets),
    list: (query) => store.listCheckpoints(runId, name, query),
    count: () => store.countCheckpoints(runId, name),
  };
}

/** Walks a ledger a page at a time, in order of rank and key; the ledger may be written to meanwhile. */
export async function* ledgerPages(
  ledger: Pick<Ledger, "list">,
  query: CheckpointQuery,
): AsyncGenerator<Checkpoint[], void> {
  let after = query.after;
  for (;;) {
    const page = await ledger.list(after === undefined ? query : { ...query, after });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < query.limit) return;
    after = { rank: last.rank, key: last.key };
  }
}
